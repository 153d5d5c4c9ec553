import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startService, type Service } from "./service.js";

let service: Service;
before(async () => void (service = await startService()));
after(() => service.stop());

const blocks = [...readFileSync("README.md", "utf8").matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code ?? "");

/** Runs a code block as a program and returns its exit status and output. */
function run(index: number): Promise<{ status: number | null; output: string }> {
  const file = `dist-test/readme-${index}.mjs`;
  writeFileSync(file, (blocks[index] ?? "").replaceAll("http://127.0.0.1:8080", service.url));
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(process.execPath, [file]);
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("close", (status) => resolve({ status, output }));
  });
}

test("README examples run and print the expected output", async () => {
  assert.equal(blocks.length, 7);
  const expected = [
    /^200 0$/m,
    /^404 /m,
    /^admin true\n200$/m,
    /^Ada Turner$/m,
    /^304 A joint that fits\nconflict: "/m,
    /^A joint that fits well$/m,
  ];
  for (const [index, pattern] of expected.entries()) {
    const { status, output } = await run(index);
    assert.equal(status, 0, output);
    assert.match(output, pattern);
  }
});
