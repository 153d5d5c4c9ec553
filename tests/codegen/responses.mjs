// Compiles what a generator wrote, and fails where the response of an operation contains `any` or `unknown`:
// responses.mjs GENERATOR, in the folder of the document and of the generated files.
import { readFileSync } from "node:fs";
import ts from "typescript";
import { parse } from "yaml";

const pascal = (id) => id[0].toUpperCase() + id.slice(1);
const property = (type, name, checker) => {
  const symbol = type && checker.getPropertyOfType(type, name);
  return symbol && checker.getTypeOfSymbol(symbol);
};

// A module as `type(name)` and `value(name)` of its exports, and `returned(id)` of the function or method `id`.
const reader = (checker, source) => {
  const exported = new Map(
    checker.getExportsOfModule(checker.getSymbolAtLocation(source)).map((it) => {
      return [it.name, it.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(it) : it];
    }),
  );
  const type = (name) => exported.has(name) && checker.getDeclaredTypeOfSymbol(exported.get(name));
  const value = (name) => exported.has(name) && checker.getTypeOfSymbol(exported.get(name));
  const functions = new Map();
  const collect = (symbol, depth) => {
    const found = checker.getTypeOfSymbol(symbol);
    const [signature] = found.getCallSignatures();
    if (signature) functions.set(symbol.name, signature);
    else if (depth > 0) found.getProperties().forEach((it) => collect(it, depth - 1));
  };
  for (const symbol of exported.values()) {
    if (symbol.flags & ts.SymbolFlags.Class) {
      // Methods, or objects of methods.
      checker.getDeclaredTypeOfSymbol(symbol).getProperties().forEach((it) => collect(it, 1));
    } else if (symbol.flags & ts.SymbolFlags.Value) collect(symbol, 0);
  }
  const returned = (id) => {
    const signature = functions.get(id);
    return signature && checker.getAwaitedType(checker.getReturnTypeOfSignature(signature));
  };
  const part = (of, ...names) => names.reduce((it, name) => property(it, name, checker), of);
  return { type, value, returned, part };
};

// For each generator: its modules, and the types of the responses of an operation.
const generators = {
  "openapi-typescript": {
    files: ["schema.ts"],
    responses: ([it], id) => [it.part(it.type("operations"), id, "responses")],
  },
  "hey-api": {
    files: ["index.ts", "zod.gen.ts"],
    responses: ([it, zod], id) => [
      it.type(`${pascal(id)}Responses`),
      it.type(`${pascal(id)}Errors`),
      zod.part(zod.value(`z${pascal(id)}Response`), "_output"),
    ],
  },
  orval: {
    files: ["fetch.ts", "zod.ts"],
    // Its schemas are those of JSON only.
    responses: ([it, zod], id, { isJson }) => [
      it.returned(id),
      ...(isJson ? [zod.part(zod.value(`${pascal(id)}Response`), "_output")] : []),
    ],
  },
  kubb: {
    files: ["index.ts"],
    options: { allowImportingTsExtensions: true },
    // The type of a response without a body equals that of a missing schema: only responses with a body are checked.
    responses: ([it], id, { statuses }) => [
      ...statuses.map((status) => it.type(pascal(id) + status)),
      ...statuses.map((status) => it.part(it.value(`${id}${status}Schema`), "_output")),
    ],
  },
  "swagger-typescript-api": {
    files: ["api.ts"],
    responses: ([it], id) => [it.part(it.returned(id), "data"), it.part(it.returned(id), "error")],
  },
  // Its runtime indexes arrays without a check.
  "typescript-fetch": {
    files: ["index.ts"],
    options: { noUncheckedIndexedAccess: false },
    responses: ([it], id) => [it.returned(id)],
  },
  "typescript-axios": { files: ["index.ts"], responses: ([it], id) => [it.part(it.returned(id), "data")] },
};

// Returns the places in a type that are `any` or `unknown`.
const untyped = (checker, program, root) => {
  const found = new Set();
  const seen = new Set();
  const isForeign = (symbol) =>
    symbol?.flags & (ts.SymbolFlags.Interface | ts.SymbolFlags.Class) &&
    symbol.declarations?.every((it) => {
      const source = it.getSourceFile();
      return program.isSourceFileDefaultLibrary(source) || program.isSourceFileFromExternalLibrary(source);
    });
  const visit = (type, path) => {
    if (type.flags & (ts.TypeFlags.Any | ts.TypeFlags.Unknown)) return found.add(path);
    if (seen.has(type)) return;
    seen.add(type);
    if (type.isUnionOrIntersection()) return type.types.forEach((it) => visit(it, path));
    if (!(type.flags & ts.TypeFlags.Object)) return;
    if (type.objectFlags & ts.ObjectFlags.Reference) {
      checker.getTypeArguments(type).forEach((it) => visit(it, `${path}[]`));
    }
    if (isForeign(type.symbol)) return;
    checker.getIndexInfosOfType(type).forEach((it) => visit(it.type, `${path}[]`));
    for (const symbol of type.getProperties()) {
      // A response may have headers that the document does not name.
      if (symbol.name !== "headers") visit(checker.getTypeOfSymbol(symbol), `${path}.${symbol.name}`);
    }
  };
  visit(root, "");
  return [...found];
};

const name = process.argv[2];
const { files, options, responses } = generators[name];
const paths = files.map((file) => `${name}/${file}`);
const program = ts.createProgram(paths, {
  strict: true,
  noUncheckedIndexedAccess: true,
  noEmit: true,
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.ESNext,
  moduleResolution: ts.ModuleResolutionKind.Bundler,
  lib: ["lib.es2023.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: ["node"],
  ...options,
});
const errors = ts.getPreEmitDiagnostics(program);
if (errors.length > 0) {
  const host = { getCanonicalFileName: (it) => it, getCurrentDirectory: () => process.cwd(), getNewLine: () => "\n" };
  console.error(ts.formatDiagnostics(errors.slice(0, 20), host));
  console.error(`${name}: ${errors.length} errors`);
  process.exit(1);
}

const checker = program.getTypeChecker();
const modules = paths.map((path) => reader(checker, program.getSourceFile(path)));
const faults = [];
let operations = 0;
const document = parse(readFileSync("openapi.yaml", "utf8"));
const resolve = (response) => {
  return response.$ref ? document.components.responses[response.$ref.split("/").at(-1)] : response;
};
for (const { operationId: id, responses: all } of Object.values(document.paths).flatMap(Object.values)) {
  if (id === undefined) continue;
  const successes = Object.keys(all).filter((status) => status.startsWith("2"));
  const isJson = successes.some((status) => all[status].content?.["application/json"]);
  // The schemas of upstreams are those of other services; an operation that only redirects has no success.
  if (successes.length === 0 || /^upstreams(Get|Send)$/.test(id)) continue;
  operations += 1;
  const statuses = Object.keys(all).filter((status) => resolve(all[status]).content);
  responses(modules, id, { statuses, isJson }).forEach((type) => {
    if (!type) faults.push(`${id}: no type of its responses`);
    else untyped(checker, program, type).forEach((path) => faults.push(`${id}: ${path || "the response"} is untyped`));
  });
}
faults.forEach((fault) => console.error(`${name}: ${fault}`));
console.log(`${name}: ${operations} operations, ${faults.length} untyped responses`);
process.exit(operations > 0 && faults.length === 0 ? 0 : 1);
