"""Adjusts generated cases where the OpenAPI document does not contain enough information."""
import base64
import json
import os

import schemathesis


def _own_ids():
    """Returns the ids of the session and the account of the access token in TOKEN."""
    parts = os.environ.get("TOKEN", "").split(".")
    if len(parts) != 3:
        return set()
    claims = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return {claims["sid"], claims["sub"]}


OWN_IDS = _own_ids()


@schemathesis.hook
def before_call(context, case, **kwargs):
    # Cursors are signed: a generated cursor matches the pattern, but the server rejects it.
    if case.query and "after" in case.query and not _is_negative(case):
        case.query.pop("after", None)


@schemathesis.hook
def filter_case(context, case):
    # The session and the account of the test must not change.
    method = case.method.upper()
    return not (method in ("PATCH", "DELETE") and case.path_parameters.get("id") in OWN_IDS)


def _is_negative(case):
    meta = getattr(case, "meta", None)
    return bool(meta) and meta.generation.mode.is_negative
