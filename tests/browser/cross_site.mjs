// A page of another site signs in with the session cookie, reads and writes with it, follows events and signs out. The
// service is at http://localhost, the page at http://127.0.0.1: browsers treat them as different sites, and localhost as
// secure.
import { chromium } from "playwright-core";
import assert from "node:assert/strict";
import { createServer } from "node:http";

const [service, email, password, port, otherPort] = process.argv.slice(2);
const servers = [port, otherPort].map((port) => createServer((_, response) => {
  response.setHeader("content-type", "text/html");
  response.end("<!doctype html><title>Shop</title>");
}).listen(port, "127.0.0.1"));
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--test-third-party-cookie-phaseout",
  ],
});

// Runs in the page: sends a request with cookies and returns the status and the body.
async function send(method, url, body) {
  const headers = body ? { "content-type": method === "PATCH" ? "application/merge-patch+json" : "application/json" } : {};
  const response = await fetch(url, { method, headers, credentials: "include", body: body && JSON.stringify(body) });
  return { status: response.status, body: response.status === 204 ? null : await response.json() };
}

try {
  const context = await browser.newContext();
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  await page.goto(`http://127.0.0.1:${port}/`);
  await page.evaluate(`globalThis.send = ${send}`);
  const request = (...args) => page.evaluate((args) => globalThis.send(...args), args);

  assert.equal((await request("GET", `${service}/api/me`)).status, 401);
  const login = await request("POST", `${service}/api/auth/login`, { email, password, cookie: true });
  assert.equal(login.status, 200);
  const cookies = (await context.cookies(service)).filter((cookie) => cookie.name.startsWith("__Host-"));
  assert.deepEqual(cookies.map((cookie) => cookie.name).sort(), ["__Host-device", "__Host-session"]);
  for (const cookie of cookies) assert.deepEqual([cookie.sameSite, cookie.secure, cookie.httpOnly], ["None", true, true]);
  // The cookie belongs to the site of the page.
  for (const cookie of cookies) assert.match(cookie.partitionKey ?? "", /127\.0\.0\.1/);
  assert.equal((await request("GET", `${service}/api/me`)).body.email, email);
  assert.equal((await request("PATCH", `${service}/api/me`, { bio: "Sells joints." })).status, 200);

  // Events with the cookie: the event of a draft reaches callers with access to it only.
  await page.evaluate((url) => new Promise((resolve, reject) => {
    globalThis.received = [];
    const events = new EventSource(url, { withCredentials: true });
    events.addEventListener("post.created", (event) => globalThis.received.push(JSON.parse(event.data)));
    events.onopen = resolve;
    events.onerror = () => reject(new Error("the event stream failed"));
  }), `${service}/api/events`);
  const post = await request("POST", `${service}/api/posts`, { title: "From another site", content: "A draft about joints." });
  assert.equal(post.status, 201, JSON.stringify(post.body));
  await page.waitForFunction((id) => globalThis.received.some((event) => JSON.stringify(event).includes(id)), post.body.id);

  // The cookie is not sent for pages of a third site, and an origin that is not allowed reads nothing.
  const other = await context.newPage();
  await other.goto(`http://127.0.0.1:${otherPort}/`);
  const read = (url) => fetch(url, { credentials: "include" }).then(() => "read", () => "rejected");
  const rejected = await other.evaluate(read, `${service}/api/me`);
  assert.equal(rejected, "rejected");

  assert.equal((await request("POST", `${service}/api/auth/logout`)).status, 204);
  assert.equal((await request("GET", `${service}/api/me`)).status, 401);
  assert.deepEqual((await context.cookies(service)).filter((cookie) => cookie.name === "__Host-session"), []);
  console.log("a page of another site signed in, read, wrote and followed events with its cookie");
} finally {
  await browser.close();
  for (const server of servers) server.close();
}
