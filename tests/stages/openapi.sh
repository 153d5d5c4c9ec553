# Checks the OpenAPI document in versions 3.1 and 3.0: it equals openapi.yaml, is valid, and has no linter findings.
build
python_tools
npm_tools tests/lint
export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
lint=$work/lint
mkdir -p "$lint"
cp tests/lint/*.yaml "$lint/"
ln -s "$modules/node_modules" "$lint/node_modules"
"$tenon" openapi > "$lint/openapi.yaml"
"$tenon" openapi --oas 3.0 --format json > "$lint/openapi-3.0.json"
# Spectral checks the complete document with the OWASP rules, because only this document has all bounds.
mkdir "$lint/complete"
mv "$lint/spectral.yaml" "$lint/complete/"
ln -s "$modules/node_modules" "$lint/complete/node_modules"
"$tenon" openapi --complete > "$lint/complete/openapi.yaml"
cmp "$lint/openapi.yaml" openapi.yaml || { echo "openapi.yaml is out of date: run cargo openapi" >&2; exit 1; }

cd "$lint"
# The slowest linter has one thread, so it runs in parallel with the others.
(cd complete && spectral lint --fail-severity=hint -r spectral.yaml openapi.yaml) > spectral.log 2>&1 & spectral=$!
quietly spectral lint --fail-severity=hint -r published.yaml openapi.yaml
for document in openapi.yaml openapi-3.0.json; do
  quietly "$venv/bin/openapi-spec-validator" "$document"
  # The exit code does not depend on the findings. The validator ignores webhooks, so it reports their schemas as unused.
  "$venv/bin/openapi-generator-cli" validate --recommend -i "$document" > validation 2>&1 || true
  if ! grep -qE 'No validation issues detected|^Warnings:' validation ||
    grep -E '^\s+- ' validation | grep -qvE 'Unused model: [A-Za-z]+Webhook$'; then cat validation; exit 1; fi
  quietly redocly lint --config redocly.yaml "$document"
done
wait "$spectral" || { cat spectral.log; exit 1; }
