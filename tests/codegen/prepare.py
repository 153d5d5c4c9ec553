"""Reduces the OpenAPI document to what a generator supports: prepare.py GENERATOR < openapi.json > prepared.json

Both generators send and read JSON, forms and bytes. Text (CSV, redirect rules, streams of events) becomes bytes; for
the Python client, `python.yaml` maps the other media types.
"""

import json
import sys

BYTES = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


def operations(document):
    for item in document["paths"].values():
        yield from ((item, method, it) for method, it in list(item.items()) if method != "parameters")


def text_to_bytes(content):
    return BYTES if next(iter(content)).startswith("text/") else content


def openapi_python_client(document):
    for _, _, operation in operations(document):
        for part in [operation.get("requestBody", {}), operation["responses"].get("200", {})]:
            if "content" in part:
                part["content"] = text_to_bytes(part["content"])


def progenitor(document):
    for response in document["components"]["responses"].values():
        json_only(response)
    for item, method, operation in operations(document):
        body = operation.get("requestBody")
        # It has no multipart bodies, so it has no method for this operation.
        if body and "multipart/form-data" in body["content"]:
            del item[method]
            continue
        if body:
            # One media type per body: a merge patch may be sent as `application/json`.
            body["content"].pop("application/merge-patch+json", None)
            body["content"] = text_to_bytes(body["content"])
        responses = operation["responses"]
        # One success type per operation: 204 is sent on request only (`Prefer: return=minimal`).
        if "200" in responses or "201" in responses:
            responses.pop("204", None)
        for response in responses.values():
            json_only(response)


def json_only(response):
    """Its errors are typed if they are `application/json`."""
    content = response.get("content", {})
    if "application/problem+json" in content:
        content["application/json"] = content.pop("application/problem+json")


document = json.load(sys.stdin)
{"openapi-python-client": openapi_python_client, "progenitor": progenitor}[sys.argv[1]](document)
json.dump(document, sys.stdout)
