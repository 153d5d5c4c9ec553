// Swagger UI as a person uses it: sign in by «Try it out», then read, create and meet a stale version,
// without typing anything but the credentials.
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
// How long the page takes to draw depends on the machine.
page.setDefaultTimeout(120_000);
const strange = [];
page.on("console", (message) => {
  // A refused request is what some of these steps are about; the browser logs each one.
  if (message.type() === "error" && !/status of (4\d\d)/.test(message.text())) strange.push(message.text());
});
page.on("pageerror", (error) => strange.push(String(error)));
page.on("request", (request) => {
  if (!request.url().startsWith(url) && !request.url().startsWith("data:")) strange.push(`left the house: ${request.url()}`);
});

const block = (id) => page.locator(`[id$="-${id}"].opblock`);

// Opens an operation and sends its example, changed by `edit` where the step is about that.
async function execute(id, edit = async () => {}) {
  const operation = block(id);
  // What was open before is closed, as a person would do: all that is open is drawn again with each answer.
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
  assert.ok((await page.locator(".opblock").count()) >= 47, "every operation is shown");
  await shot("start");

  const login = await execute("sessionsLogin", async (operation) => {
    const body = JSON.parse(await operation.locator("textarea.body-param__text").inputValue());
    await operation.locator("textarea.body-param__text").fill(JSON.stringify({ ...body, email, password }, null, 2));
  });
  assert.equal(login.status(), 200);

  const created = await execute("postsCreate");
  // The made-up site has that slug already; without it the title makes one with a number.
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
  assert.deepEqual(strange, []);
  console.log("swagger: signed in, created, listed, met a stale version");
} catch (error) {
  await shot("failed");
  throw error;
} finally {
  await browser.close();
}
