# The document in both forms is valid, and linters have nothing to say about it.
build
python_tools
"$tenon" openapi --oas 3.0 --format json > "$work/openapi-3.0.json"
"$tenon" openapi > "$work/openapi.yaml"
cmp "$work/openapi.yaml" openapi.yaml
"$venv/bin/openapi-spec-validator" openapi.yaml
"$venv/bin/openapi-spec-validator" "$work/openapi-3.0.json"
npm_tools tests/lint
cp tests/lint/spectral.yaml tests/lint/redocly.yaml "$modules/"
cp openapi.yaml "$modules/"
cd "$modules"
redocly lint --config redocly.yaml openapi.yaml 2>&1 | grep -v -i node
redocly lint --config redocly.yaml "$work/openapi-3.0.json" 2>&1 | grep -v -i node
spectral lint --fail-severity=hint -r spectral.yaml openapi.yaml
