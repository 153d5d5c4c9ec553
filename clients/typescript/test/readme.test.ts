import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { startService, type Service } from "./service.js";

let service: Service;
before(async () => void (service = await startService()));
after(() => service.stop());

const blocks = [...readFileSync("README.md", "utf8").matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code ?? "");

/** What a block prints, as a program of its own. */
function run(index: number): Promise<{ status: number | null; output: string }> {
  const place = `dist-test/readme-${index}.mjs`;
  writeFileSync(place, (blocks[index] ?? "").replaceAll("http://127.0.0.1:8080", service.url));
  return new Promise((done) => {
    let output = "";
    const child = spawn(process.execPath, [place]);
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.once("close", (status) => done({ status, output }));
  });
}

test("the code of the README does what it says", async () => {
  assert.equal(blocks.length, 7);
  const says = [/^200 0$/m, /^404 /m, /^admin true\n200$/m, /^Ada Turner$/m, /^304 A joint that fits\n.*faster: "/m, /^A joint that fits well$/m];
  for (const [index, saying] of says.entries()) {
    const { status, output } = await run(index);
    assert.equal(status, 0, output);
    assert.match(output, saying);
  }
});
