// Generates src/schema.ts and src/operations.ts from openapi.yaml. With --check, compares without writing.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const METHODS = ["get", "put", "post", "delete", "patch"];
const HEADER = "// Generated from openapi.yaml by `npm run generate`. Changes belong there.\n";

const openapi = parse(await readFile(new URL("../../../openapi.yaml", import.meta.url), "utf8"));
const resolve = (value) =>
  value?.$ref ? value.$ref.split("/").slice(1).reduce((node, key) => node[key], openapi) : value;
const operations = Object.entries(openapi.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })),
);

const hasHeader = (operation, header) =>
  (operation.parameters ?? []).map(resolve).some((parameter) => parameter.in === "header" && parameter.name === header);
const mediaTypes = (operation) => Object.keys(operation.requestBody?.content ?? {});
const operationKeys = (predicate) =>
  operations.filter(predicate).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
const responseSchema = ({ responses }) => responses["200"]?.content?.["application/json"]?.schema?.$ref;

const acceptsSlash = ({ schema }) => schema.pattern && new RegExp(schema.pattern, "u").test("a/b");
const multiSegmentPaths = Object.entries(openapi.paths)
  .filter(([, item]) => (item.parameters ?? []).map(resolve).some(acceptsSlash))
  .map(([path]) => path);

// A parameter named after its resource, as in /posts/{post}, accepts the id and other keys.
const acceptsOtherKeys = (path) => /\/(\w+)s\/\{\1\}$/.test(path);

// Two read paths with the same response schema name the same resource; the one that accepts If-Match is canonical.
const canonical = operations.filter(
  ({ path, method }) =>
    method === "get" &&
    (path.endsWith("/{id}") || acceptsOtherKeys(path)) &&
    operations.some((other) => other.path === path && hasHeader(other, "If-Match")),
);
const canonicalPaths = canonical.flatMap((operation) => {
  const schema = responseSchema(operation);
  const isAlternative = (other) =>
    other.method === "get" &&
    (other.path !== operation.path || acceptsOtherKeys(other.path)) &&
    schema &&
    responseSchema(other) === schema;
  return operations
    .filter(isAlternative)
    .map((other) => [other.path, operation.path]);
});

const setConstant = (description, name, values) =>
  `\n/** ${description} */\nexport const ${name}: ReadonlySet<string> = new Set(${JSON.stringify(values, null, 2)});\n`;
const files = {
  "schema.ts":
    HEADER +
    // A field with a default is optional in requests.
    astToString(await openapiTS(openapi, { defaultNonNullable: false, silent: true })),
  "operations.ts":
    HEADER +
    setConstant(
      "Operations that accept `Idempotency-Key`.",
      "idempotencyKeyOperations",
      operationKeys((operation) => hasHeader(operation, "Idempotency-Key")),
    ) +
    setConstant(
      "Write operations that accept `If-Match`.",
      "ifMatchOperations",
      operationKeys((operation) => operation.method !== "get" && hasHeader(operation, "If-Match")),
    ) +
    setConstant(
      "Operations whose body is a JSON merge patch.",
      "mergePatchOperations",
      operationKeys((operation) => mediaTypes(operation).includes("application/merge-patch+json")),
    ) +
    setConstant("Paths whose last parameter can contain slashes.", "multiSegmentPaths", multiSegmentPaths) +
    "\n/** Alternative read paths, with the path at which the same resource is written. */\n" +
    `export const canonicalPaths: ReadonlyMap<string, string> = new Map(${JSON.stringify(canonicalPaths, null, 2)});\n`,
};

for (const [name, content] of Object.entries(files)) {
  const file = new URL(`../src/${name}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    await writeFile(file, content);
  } else if ((await readFile(file, "utf8").catch(() => "")) !== content) {
    console.error(`src/${name} does not match openapi.yaml: run npm run generate and commit the result`);
    process.exitCode = 1;
  }
}
