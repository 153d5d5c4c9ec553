"""What the tester cannot know from the document alone."""
import schemathesis


@schemathesis.hook
def before_call(context, case, **kwargs):
    # A cursor is signed: one that was made up has the right form, and belongs to no list all the same.
    if case.query and "after" in case.query and not _negative(case):
        case.query.pop("after", None)


def _negative(case):
    meta = getattr(case, "meta", None)
    return bool(meta) and meta.generation.mode.is_negative
