// Swagger UI with "Try it out": sign in, list, create, read and update a post with the examples of the document.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";

const [url, email, password] = process.argv.slice(2);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const page = await browser.newPage({ viewport: { width: 1280, height: 1400 } });
// Rendering is slow on a loaded machine.
page.setDefaultTimeout(120_000);
const unexpected = [];
page.on("console", (message) => {
  // The browser logs 4xx responses as errors, and some steps expect them.
  if (message.type() === "error" && !/status of (4\d\d)/.test(message.text())) unexpected.push(message.text());
});
page.on("pageerror", (error) => unexpected.push(String(error)));
page.on("request", (request) => {
  if (!request.url().startsWith(url) && !request.url().startsWith("data:")) unexpected.push(`request to another origin: ${request.url()}`);
});

const block = (id) => page.locator(`[id$="-${id}"].opblock`);

// Opens an operation and sends its example request, after `edit` has changed it.
async function execute(id, edit = async () => {}) {
  const operation = block(id);
  // Open operations are rendered again after each response, so the others are closed.
  for (const open of await page.locator(`.opblock.is-open:not([id$="-${id}"]) .opblock-summary-control`).all()) await open.click();
  await operation.scrollIntoViewIfNeeded();
  if (!(await operation.getAttribute("class")).includes("is-open")) await operation.locator(".opblock-summary-control").click();
  await operation.locator("button.execute").waitFor();
  await edit(operation);
  const [response] = await Promise.all([
    // The browser follows the redirect of a former slug.
    page.waitForResponse((response) => new URL(response.url()).pathname.startsWith("/api/") && response.status() !== 308),
    operation.locator("button.execute").click(),
  ]);
  await operation.locator(".live-responses-table .response-col_status").first().waitFor();
  return response;
}

async function shot(name) {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/swagger-${name}.png` });
}

try {
  await page.goto(`${url}/swagger`);
  await page.locator(".opblock-tag").first().waitFor({ timeout: 60_000 });
  // Tags start collapsed: operations exist in expanded tags only.
  const collapsed = page.locator(".opblock-tag[data-is-open=false]");
  while (await collapsed.count()) await collapsed.first().locator(".expand-operation").click();
  assert.ok((await page.locator(".opblock").count()) >= 47, "operations are missing");
  await shot("start");

  const login = await execute("sessionsLogin", async (operation) => {
    const body = JSON.parse(await operation.locator("textarea.body-param__text").inputValue());
    await operation.locator("textarea.body-param__text").fill(JSON.stringify({ ...body, email, password }, null, 2));
  });
  assert.equal(login.status(), 200);

  const created = await execute("postsCreate");
  // The slug of the example exists in the sample data. Without a slug, the server generates another one.
  assert.equal(created.status(), 409);
  const again = await execute("postsCreate", async (operation) => {
    const { slug, ...body } = JSON.parse(await operation.locator("textarea.body-param__text").inputValue());
    await operation.locator("textarea.body-param__text").fill(JSON.stringify(body, null, 2));
  });
  assert.equal(again.status(), 201, await again.text());

  const list = await execute("postsList");
  assert.equal(list.status(), 200);
  assert.equal((await list.json()).data[0].id, (await again.json()).id);

  const read = await execute("postsGet");
  assert.equal(read.status(), 200);
  assert.equal((await read.json()).slug, "a-joint-that-fits");

  const stale = await execute("postsUpdate", async (operation) => {
    await operation.locator('tr[data-param-name="If-Match"] input').fill('"an-older-version"');
  });
  assert.equal(stale.status(), 412);
  await shot("stale");
  const patched = await execute("postsUpdate", async (operation) => {
    await operation.locator('tr[data-param-name="If-Match"] input').fill("");
  });
  assert.equal(patched.status(), 200);
  for (const id of ["tagsList", "documentsList", "documentsGetByPath", "commentsListForPost", "authorsList", "meGet", "healthGet"]) {
    assert.equal((await execute(id)).status(), 200, id);
  }
  assert.deepEqual(unexpected, []);
  console.log("swagger: signed in, created, listed, rejected a stale update");
} catch (error) {
  await shot("failed");
  throw error;
} finally {
  await browser.close();
}
