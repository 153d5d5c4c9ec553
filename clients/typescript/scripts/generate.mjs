// Writes src/schema.ts and src/operations.ts from the service's document; with --check it only compares.
import { readFile, writeFile } from "node:fs/promises";
import openapiTS, { astToString } from "openapi-typescript";
import { parse } from "yaml";

const METHODS = ["get", "put", "post", "delete", "patch"];
const HEADER = "// Generated from openapi.yaml by `npm run generate`. Changes belong there.\n";

const document = parse(await readFile(new URL("../../../openapi.yaml", import.meta.url), "utf8"));
const resolve = (value) =>
  value?.$ref ? value.$ref.split("/").slice(1).reduce((at, key) => at[key], document) : value;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.filter((method) => item[method]).map((method) => ({ path, method, ...item[method] })),
);

const takes = (operation, header) =>
  (operation.parameters ?? []).map(resolve).some((parameter) => parameter.in === "header" && parameter.name === header);
const mediaTypes = (operation) => Object.keys(operation.requestBody?.content ?? {});
const names = (wanted) => operations.filter(wanted).map(({ method, path }) => `${method.toUpperCase()} ${path}`);
const shape = ({ responses }) => responses["200"]?.content?.["application/json"]?.schema?.$ref;

/** Paths with a parameter that may hold slashes. */
const deep = Object.entries(document.paths).filter(([, item]) =>
  (item.parameters ?? []).map(resolve).some(({ schema }) => schema.pattern && new RegExp(schema.pattern, "u").test("a/b")),
);

/** Reads of one resource by another name than the one that it is written by. */
const written = operations.filter(
  ({ path, method }) =>
    method === "get" && path.endsWith("/{id}") && operations.some((other) => other.path === path && takes(other, "If-Match")),
);
const aliases = written.flatMap((home) =>
  operations
    .filter((other) => other.method === "get" && other.path !== home.path && shape(other) && shape(other) === shape(home))
    .map((other) => [other.path, home.path]),
);

const set = (about, name, members) =>
  `\n/** ${about} */\nexport const ${name}: ReadonlySet<string> = new Set(${JSON.stringify(members, null, 2)});\n`;
const files = {
  "schema.ts":
    HEADER +
    // A default is what the service assumes for a member left out: it is still optional in what clients send.
    astToString(await openapiTS(document, { defaultNonNullable: false, silent: true })),
  "operations.ts":
    HEADER +
    set("Creates that take an `Idempotency-Key`.", "keyed", names((one) => takes(one, "Idempotency-Key"))) +
    set("Writes that take an `If-Match`.", "conditional", names((one) => one.method !== "get" && takes(one, "If-Match"))) +
    set(
      "Operations whose body is a merge patch.",
      "mergePatches",
      names((one) => mediaTypes(one).includes("application/merge-patch+json")),
    ) +
    set("Paths with a parameter of several segments.", "deep", deep.map(([path]) => path)) +
    "\n/** Reads by another name, and the path that the same resource is written at. */\n" +
    `export const aliases: ReadonlyMap<string, string> = new Map(${JSON.stringify(aliases, null, 2)});\n`,
};

for (const [name, text] of Object.entries(files)) {
  const place = new URL(`../src/${name}`, import.meta.url);
  if (!process.argv.includes("--check")) {
    await writeFile(place, text);
  } else if ((await readFile(place, "utf8").catch(() => "")) !== text) {
    console.error(`src/${name} is not what openapi.yaml gives: run npm run generate and commit it`);
    process.exitCode = 1;
  }
}
