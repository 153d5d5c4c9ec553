// Measures Swagger UI with the OpenAPI document of the service and with the Petstore document, on the same page and in
// the same run. Prints main-thread times, wall times and heap, and fails if a main-thread time is more than LIMIT times
// that of Petstore. A main-thread time excludes the time in which other processes hold the processor.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const LIMIT = 4;
const ROUNDS = 3;

const [url] = process.argv.slice(2);
const petstore = readFileSync(createRequire(import.meta.url).resolve("@readme/oas-examples/3.0/json/petstore.json"), "utf8");
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--headless=new", "--no-sandbox", "--disable-gpu", "--js-flags=--expose-gc", "--enable-precise-memory-info"],
});

const subjects = {
  tenon: { tag: "Posts", operation: "postsUpdate", readTag: "Authors", read: "authorsList" },
  petstore: { tag: "pet", operation: "updatePet", readTag: "store", read: "getInventory", document: petstore },
};

// Loads the page, expands an operation with a body, and sends a request. Returns the times of the three steps and the
// heap after a collection.
async function measure({ tag, operation, readTag, read, document }) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1400 } });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  if (document) {
    await page.route("**/openapi.json", (route) => route.fulfill({ contentType: "application/json", body: document }));
    await page.route("**/store/inventory", (route) => route.fulfill({
      contentType: "application/json", headers: { "access-control-allow-origin": "*" }, body: '{"sold":1}',
    }));
  }
  const session = await context.newCDPSession(page);
  await session.send("Performance.enable");
  const metrics = async () => {
    const { metrics } = await session.send("Performance.getMetrics");
    return Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  };
  const painted = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  const timed = async (step) => {
    const [before, start] = [await metrics(), performance.now()];
    await step();
    await painted();
    const [after, end] = [await metrics(), performance.now()];
    return { main: (after.TaskDuration - before.TaskDuration) * 1000, wall: end - start };
  };
  const block = (id) => page.locator(`[id$="-${id}"].opblock`);
  const expand = async (id) => {
    await block(id).locator(".opblock-summary-control").click();
    await block(id).locator("button.execute, button.try-out__btn").first().waitFor();
  };
  const list = await timed(async () => {
    await page.goto(`${url}/swagger`);
    await page.locator(".opblock-tag").first().waitFor();
    await page.locator(`.opblock-tag[data-tag="${tag}"] .expand-operation`).click();
    await block(operation).waitFor();
  });
  const expanded = await timed(() => expand(operation));
  await block(operation).locator(".opblock-summary-control").click();
  await page.locator(`.opblock-tag[data-tag="${readTag}"] .expand-operation`).click();
  await expand(read);
  const response = await timed(async () => {
    await block(read).locator("button.execute").click();
    await block(read).locator(".live-responses-table .response-col_status").first().waitFor();
  });
  await page.evaluate(() => gc());
  const heap = (await metrics()).JSHeapUsedSize / 1e6;
  await context.close();
  return { list, expanded, response, heap };
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

try {
  const results = { tenon: [], petstore: [] };
  // The first round warms the disk cache of the browser.
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const [name, subject] of Object.entries(subjects)) {
      const result = await measure(subject);
      if (round) results[name].push(result);
    }
  }
  const exceeded = [];
  for (const step of ["list", "expanded", "response"]) {
    const of = (name, kind) => median(results[name].map((result) => result[step][kind]));
    const ratio = of("tenon", "main") / of("petstore", "main");
    console.log(
      `swagger ${step}: main thread ${of("tenon", "main").toFixed(0)} ms, Petstore ${of("petstore", "main").toFixed(0)} ms, ` +
      `ratio ${ratio.toFixed(1)} (limit ${LIMIT}); wall ${of("tenon", "wall").toFixed(0)} and ${of("petstore", "wall").toFixed(0)} ms`);
    if (ratio > LIMIT) exceeded.push(step);
  }
  const heap = (name) => median(results[name].map((result) => result.heap)).toFixed(0);
  console.log(`swagger heap: ${heap("tenon")} MB, Petstore ${heap("petstore")} MB`);
  assert.deepEqual(exceeded, [], `more than ${LIMIT} times the main-thread time of Petstore`);
} finally {
  await browser.close();
}
