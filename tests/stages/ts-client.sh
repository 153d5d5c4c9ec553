# The tests of the TypeScript client against a running server, and a check of its generated types.
build
hash=$(sha256sum clients/typescript/package.json | cut -c1-16)
if [ "$(cat clients/typescript/node_modules/.state 2>/dev/null)" != "$hash" ]; then
  (cd clients/typescript && npm install --no-package-lock --no-audit --no-fund --loglevel=error)
  echo "$hash" > clients/typescript/node_modules/.state
fi
(cd clients/typescript && TENON_BIN=$tenon npm test)
