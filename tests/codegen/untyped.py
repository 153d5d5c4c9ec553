"""Fails where a client has a response or a field without a type: untyped.py GENERATOR FILE …"""

import pathlib
import re
import sys

# For each generator: the responses (the operation and its type), the fields, and a type that states nothing.
PATTERNS = {
    # A response without a body is `cast(Any, None)`.
    "openapi-python-client": (
        r"^ +(response_\d+) = (.+)",
        r"^    (?!additional_properties)\w+: (.*[^,{}\n])$",
        r"^response\.json\(\)$|\bAny\b(?!, None\))",
    ),
    "go": (
        r"^func \(a \*\w+\) (\w+)Execute\(r \w+\) \((.+), error\)",
        r"^\t(?!AdditionalProperties)[A-Z]\w* (.+) `json",
        r"\binterface ?\{\}",
    ),
    "progenitor": (
        r"pub async fn (\w+) [^{]*?-> Result < ResponseValue < (.*?) > , Error <",
        r"\bpub \w+ : ([^,}]*)",
        r"\bserde_json :: Value\b",
    ),
}

generator, *files = sys.argv[1:]
responses, fields, untyped = (re.compile(pattern, re.MULTILINE) for pattern in PATTERNS[generator])
count = 0
faults = []
for file in map(pathlib.Path, files):
    text = file.read_text(encoding="utf-8")
    for operation, type_ in responses.findall(text):
        count += 1
        # The schemas of upstreams are those of other services.
        is_foreign = re.search(r"upstreams_?(get|send)", f"{file.name} {operation}", re.IGNORECASE)
        if not is_foreign and untyped.search(type_):
            faults.append(f"{file.name}: {operation} is {type_}")
    faults += [f"{file.name}: a field is {type_}" for type_ in fields.findall(text) if untyped.search(type_)]
for fault in faults:
    print(fault, file=sys.stderr)
print(f"{generator}: {count} responses, {len(faults)} untyped")
sys.exit(0 if count > 0 and not faults else 1)
