// Strikes the service down again and again while a provider sends to it: what was acknowledged is there, once, and
// has its effect once.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";

import Stripe from "stripe";

const [tenon, folder, listen, token, kills] = process.argv.slice(2);
const { STRIPE_SECRET } = process.env;
const url = `http://${listen}`;
const stripe = new Stripe("sk_test_of_nobody");
const pause = (milliseconds) => new Promise((later) => setTimeout(later, milliseconds));

async function start() {
  const service = spawn(tenon, ["serve", "--listen", listen, "--data-dir", folder], { stdio: ["ignore", "pipe", "ignore"] });
  for await (const line of service.stdout) if (String(line).includes("listening on")) break;
  return service;
}

async function api(method, path, body) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const answer = await fetch(url + path, { method, headers, body: body && JSON.stringify(body) });
  assert.ok(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

// As a provider does it: until it is acknowledged, and sometimes once more.
async function deliver(event) {
  const payload = JSON.stringify(event);
  for (;;) {
    const signature = stripe.webhooks.generateTestHeaderString({ payload, secret: STRIPE_SECRET });
    const headers = { "content-type": "application/json", "stripe-signature": signature };
    const sent = fetch(`${url}/api/webhooks/stripe`, { method: "POST", headers, body: payload });
    const status = await sent.then((answer) => answer.status, () => 0);
    if (status === 200) return;
    assert.ok([0, 503].includes(status), `refused with ${status}`);
    await pause(20);
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
const told = (type, number, more) => {
  const object = { ...more, metadata: { invoice: String(number) } };
  return { id: `evt_kill_${type}_${number}_${sent}`, object: "event", type, data: { object } };
};
let sent = 0;
let struck = 0;
let running = true;
const strikes = (async () => {
  for (; struck < Number(kills); struck++) {
    await pause(100 + Math.random() * 400);
    const gone = once(service, "exit");
    service.kill("SIGKILL");
    await gone;
    service = await start();
  }
  running = false;
})();
const senders = Array.from({ length: 8 }, async () => {
  while (running) {
    const number = invoices[sent++ % invoices.length].number;
    const paid = told("invoice.paid", number);
    const back = told("charge.refunded", number, { refunded: true });
    await Promise.all([paid, back, paid].map(deliver));
  }
});
await Promise.all([strikes, ...senders]);
for (let waiting = 1; waiting > 0; await pause(100)) {
  waiting = (await api("GET", "/api/webhook-events?state=received&limit=1")).pagination.total;
}
const events = [];
for (let page = "limit=50"; page; ) {
  const { data, pagination } = await api("GET", `/api/webhook-events?${page}`);
  events.push(...data.filter((event) => event.providerId.startsWith("evt_kill_")));
  page = pagination.nextCursor && `limit=50&after=${pagination.nextCursor}`;
}
assert.equal(new Set(events.map((event) => event.providerId)).size, events.length);
assert.equal(events.length, 2 * sent, "an acknowledged event is lost");
assert.ok(events.every((event) => event.state === "handled" && event.attempts === 1), "noted twice, or not at all");
const moved = events.filter((event) => / is (paid|void)$/.test(event.outcome));
for (const { id, number } of invoices) {
  assert.equal((await api("GET", `/api/v2/invoices/en-us/${id}`)).status, "void");
  const own = moved.filter((event) => event.outcome.startsWith(`invoice ${number} is `)).map((event) => event.outcome);
  assert.equal(new Set(own).size, own.length, `an effect came twice: ${own}`);
  assert.ok(own.includes(`invoice ${number} is void`));
}
const gone = once(service, "exit");
service.kill("SIGTERM");
await gone;
console.log(`${struck} strikes, ${events.length} events (${before} before), each acknowledged one kept and handled once`);
