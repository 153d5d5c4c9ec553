# The document in both forms is what the code gives and valid, and linters have nothing to say about it.
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
# The complete document has every bound: it is the one that the rules on limits are about.
mkdir "$lint/complete"
mv "$lint/spectral.yaml" "$lint/complete/"
ln -s "$modules/node_modules" "$lint/complete/node_modules"
"$tenon" openapi --complete > "$lint/complete/openapi.yaml"
cmp "$lint/openapi.yaml" openapi.yaml || { echo "openapi.yaml is not what the code gives: cargo openapi" >&2; exit 1; }

cd "$lint"
# The slowest of them has one thread: the others run beside it.
(cd complete && spectral lint --fail-severity=hint -r spectral.yaml openapi.yaml) > spectral.log 2>&1 & spectral=$!
quietly spectral lint --fail-severity=hint -r published.yaml openapi.yaml
for form in openapi.yaml openapi-3.0.json; do
  quietly "$venv/bin/openapi-spec-validator" "$form"
  # Its exit code does not tell, and it does not look at webhooks: what only they use is unused to it.
  "$venv/bin/openapi-generator-cli" validate --recommend -i "$form" > validation 2>&1 || true
  if ! grep -qE 'No validation issues detected|^Warnings:' validation ||
    grep -E '^\s+- ' validation | grep -qvE 'Unused model: [A-Za-z]+Webhook$'; then cat validation; exit 1; fi
  quietly redocly lint --config redocly.yaml "$form"
done
wait "$spectral" || { cat spectral.log; exit 1; }
