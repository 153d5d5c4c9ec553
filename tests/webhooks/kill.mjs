// Kills the server repeatedly while Stripe events arrive: every acknowledged event is stored once and has one effect.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

import Stripe from "stripe";

const [tenon, folder, listen, token, kills] = process.argv.slice(2);
const { STRIPE_SECRET } = process.env;
const url = `http://${listen}`;
const stripe = new Stripe("sk_test_unused");
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

async function start() {
  const service = spawn(tenon, ["serve", "--listen", listen, "--data-dir", folder], { stdio: ["ignore", "ignore", "pipe"] });
  await new Promise((resolve) => {
    // The listener remains: a full pipe would block the log.
    service.stderr.on("data", (lines) => String(lines).includes("listening on") && resolve());
  });
  return service;
}

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const response = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(response.ok, `${method} ${path}: ${response.status}`);
  return response.json();
}

// Retries until the event is acknowledged, as a provider does.
async function deliver(event) {
  const payload = JSON.stringify(event);
  for (;;) {
    const signature = stripe.webhooks.generateTestHeaderString({ payload, secret: STRIPE_SECRET });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    const request = fetch(`${url}/api/webhooks/stripe`, { method: "POST", headers, body: payload });
    const status = await request.then((response) => response.status, () => 0);
    if (status === 200) return;
    assert.ok([0, 503].includes(status), `expected 200 or 503, got ${status}`);
    await sleep(20);
  }
}

let service = await start();
const customer = await api("POST", "/api/v2/customers", { name: "Evil Rabbit", email: "kill@rabbit.acme.test" });
const invoices = [];
for (let count = 0; count < 40; count++) {
  const invoice = { customerId: customer.id, amount: 15795, status: "pending" };
  invoices.push(await api("POST", "/api/v2/invoices/en-us", invoice));
}
const before = (await api("GET", "/api/webhook-events")).pagination.total;
const newEvent = (type, number, fields) => {
  const payment = { payment_intent: `pi_${number}`, amount: 15795, amount_paid: 15795, currency: "usd" };
  const object = { id: `${type}_${number}`, ...payment, ...fields, metadata: { invoice: String(number) } };
  return { id: `evt_kill_${type}_${number}_${sent}`, object: "event", type, data: { object } };
};
let sent = 0;
let killed = 0;
let running = true;
const killing = (async () => {
  for (; killed < Number(kills); killed++) {
    await sleep(100 + Math.random() * 400);
    const exited = once(service, "exit");
    service.kill("SIGKILL");
    await exited;
    service = await start();
  }
  running = false;
})();
const senders = Array.from({ length: 8 }, async () => {
  while (running) {
    const number = invoices[sent++ % invoices.length].number;
    const paid = newEvent("invoice.paid", number);
    const refunded = newEvent("charge.refunded", number, { refunded: true, amount_refunded: 15795 });
    await Promise.all([paid, refunded, paid].map(deliver));
  }
});
await Promise.all([killing, ...senders]);
for (let unprocessed = 1; unprocessed > 0; await sleep(100)) {
  unprocessed = (await api("GET", "/api/webhook-events?state=received&limit=1")).pagination.total;
}
const events = [];
for (let page = "limit=50"; page; ) {
  const { data, pagination } = await api("GET", `/api/webhook-events?${page}`);
  events.push(...data.filter((event) => event.providerId.startsWith("evt_kill_")));
  page = pagination.nextCursor && `limit=50&after=${pagination.nextCursor}`;
}
assert.equal(new Set(events.map((event) => event.providerId)).size, events.length);
assert.equal(events.length, 2 * sent, "an acknowledged event is lost");
assert.ok(events.every((event) => event.state === "handled" && event.attempts === 1), "an event was not handled exactly once");
const changes = events.filter((event) => / is (paid|void)$/.test(event.outcome));
for (const { id, number } of invoices) {
  assert.equal((await api("GET", `/api/v2/invoices/en-us/${id}`)).status, "void");
  const outcomes = changes.filter((event) => event.outcome.startsWith(`invoice ${number} is `)).map((event) => event.outcome);
  assert.equal(new Set(outcomes).size, outcomes.length, `duplicate effect: ${outcomes}`);
  assert.ok(outcomes.includes(`invoice ${number} is void`));
}
const exited = once(service, "exit");
service.kill("SIGTERM");
await exited;
console.log(`${killed} kills, ${events.length} events (after ${before} earlier ones), each acknowledged one stored and handled once`);
