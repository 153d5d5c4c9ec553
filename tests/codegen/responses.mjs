// Fails when a generated type leaves something open: `any` or `unknown` where the document is exact.
import { readFileSync } from "node:fs";
import ts from "typescript";

// openapi-typescript lets an answer have further header fields, and so do servers.
const isHeaders = (node) => ts.isPropertySignature(node) && node.name.getText() === "headers";

// What other services say is theirs: any JSON.
const isElsewhere = (node) => /^"?upstreams(Get|Send)/i.test(node.name?.getText() ?? "");

let types = 0;
const open = [];
for (const file of process.argv.slice(2)) {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const look = (node) => {
    if (isHeaders(node) || isElsewhere(node)) return;
    if (node.kind === ts.SyntaxKind.AnyKeyword || node.kind === ts.SyntaxKind.UnknownKeyword) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart());
      open.push(`${file}:${line + 1}: ${node.parent.getText().split("\n")[0]}`);
    }
    ts.forEachChild(node, look);
  };
  source.statements.forEach((statement) => {
    if (!ts.isTypeAliasDeclaration(statement) && !ts.isInterfaceDeclaration(statement)) return;
    types += 1;
    look(statement);
  });
}
open.forEach((place) => console.error(place));
console.log(`${types} types, ${open.length} places in them are left open`);
process.exit(types > 0 && open.length === 0 ? 0 : 1);
