// Sends webhooks signed with the libraries of the providers, and checks their status and effect.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { sign } from "@octokit/webhooks-methods";
import Stripe from "stripe";

const [url, token] = process.argv.slice(2);
const { STRIPE_SECRET, STRIPE_OLD_SECRET, GITHUB_SECRET, DOCUMENT } = process.env;
const stripe = new Stripe("sk_test_unused");

async function api(method, path, body) {
  const response = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { "content-type": "application/json" }),
    },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { status: response.status, location: response.headers.get("location"), body: text && JSON.parse(text) };
}

async function post(provider, body, headers) {
  const response = await fetch(`${url}/api/webhooks/${provider}`, {
    method: "POST",
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body,
  });
  return { status: response.status, body: await response.json() };
}

function fromStripe(event, options = {}) {
  const payload = JSON.stringify(event, null, 2);
  const signature = stripe.webhooks.generateTestHeaderString({ payload, secret: STRIPE_SECRET, ...options });
  // The library itself accepts the signature, unless the test sets an old timestamp.
  if (!options.timestamp) stripe.webhooks.constructEvent(payload, signature, options.secret ?? STRIPE_SECRET);
  return post("stripe", payload, { "stripe-signature": signature });
}

async function fromGithub(type, payload, { secret = GITHUB_SECRET, delivery = randomUUID() } = {}) {
  const body = JSON.stringify(payload);
  return post("github", body, {
    "x-github-event": type,
    "x-github-delivery": delivery,
    "x-hub-signature-256": await sign(secret, body),
  });
}

const event = (type, object) => ({ id: `evt_${randomUUID()}`, object: "event", type, data: { object } });
const assertAccepted = (response) => assert.deepEqual(response, { status: 200, body: { received: true } });
const assertRejected = (response) => assert.deepEqual([response.status, response.body.code], [400, "invalid-signature"]);

async function waitFor(filter, check) {
  for (let tries = 0; tries < 200; tries++) {
    const { body } = await api("GET", `/api/webhook-events?${filter}`);
    if (check(body.data)) return body.data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the events ${filter} did not change within 10 seconds`);
}

async function waitUntilProcessed(filter) {
  for (let tries = 0; tries < 200; tries++) {
    const { body } = await api("GET", `/api/webhook-events?${filter}`);
    if (body.data.length && body.data.every((event) => event.state !== "received")) return body.data;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`the events ${filter} were not processed within 10 seconds`);
}

const customer = await api("POST", "/api/v2/customers", { name: "Evil Rabbit", email: "evil@rabbit.acme.test" });
const createInvoice = async () => {
  const invoice = { customerId: customer.body.id, amount: 15795, status: "pending" };
  return (await api("POST", "/api/v2/invoices/en-us", invoice)).body;
};
const invoiceOf = (name) => ({
  id: `in_${name}`, object: "invoice", payment_intent: `pi_${name}`, status: "paid", amount_paid: 15795, currency: "usd",
});
const readInvoice = async (invoice) => (await api("GET", `/api/v2/invoices/en-us/${invoice.id}`)).body;

// A duplicate payment event, sent concurrently and with the old secret, has one effect.
const first = await createInvoice();
const paid = event("invoice.paid", { ...invoiceOf("1"), metadata: { invoice: String(first.number) } });
(await Promise.all(Array.from({ length: 100 }, () => fromStripe(paid)))).forEach(assertAccepted);
assertAccepted(await fromStripe(paid, { secret: STRIPE_OLD_SECRET }));
const [handled] = await waitUntilProcessed("type=invoice.paid");
assert.deepEqual([handled.state, handled.outcome], ["handled", `invoice ${first.number} is paid`]);
assert.equal((await readInvoice(first)).status, "paid");

// A refund that arrives before the payment is final.
const second = await createInvoice();
const charge = {
  id: "ch_2", object: "charge", payment_intent: "pi_2", amount: 15795, amount_refunded: 15795, currency: "usd",
  refunded: true, metadata: { invoice: second.id },
};
assertAccepted(await fromStripe(event("charge.refunded", charge)));
await waitUntilProcessed("type=charge.refunded");
assertAccepted(await fromStripe(event("invoice.paid", { ...invoiceOf("2"), metadata: { invoice: second.id } })));
const late = (await waitUntilProcessed("type=invoice.paid"))[0];
assert.equal(late.outcome, `invoice ${second.number} was already void`);
assert.equal((await readInvoice(second)).status, "void");

// An event for an invoice that does not exist yet waits for it, and can be replayed.
const early = { ...invoiceOf("3"), metadata: { invoice: `#${second.number + 1}` } };
assertAccepted(await fromStripe(event("invoice.paid", early)));
const waiting = await waitFor("state=received", (events) => events[0]?.outcome === "no invoice has this name");
const third = await createInvoice();
const again = await api("POST", `/api/webhook-events/${waiting[0].id}/replay`);
assert.equal(again.status, 202);
assert.equal((await api("GET", again.location)).status, 200);
await waitUntilProcessed("type=invoice.paid");
assert.equal((await readInvoice(third)).status, "paid");

// A payment of another amount is recorded, and the invoice is not paid.
const fourth = await createInvoice();
assertAccepted(await fromStripe(event("payment_intent.succeeded", {
  id: "pi_4", object: "payment_intent", status: "succeeded", amount_received: 100, currency: "usd",
  metadata: { invoice: `#${fourth.number}` },
})));
await waitUntilProcessed("type=payment_intent.succeeded");
const open = await readInvoice(fourth);
assert.deepEqual([open.status, open.payments[0].outcome], ["pending", "amount-mismatch"]);

// Rejects an old or future timestamp, another secret and another body.
const now = Math.floor(Date.now() / 1000);
assertRejected(await fromStripe(paid, { timestamp: now - 301 }));
assertRejected(await fromStripe(paid, { timestamp: now + 90 }));
assertRejected(await fromStripe(paid, { secret: "whsec_of_another_account" }));
const signature = stripe.webhooks.generateTestHeaderString({ payload: "{}", secret: STRIPE_SECRET });
assertRejected(await post("stripe", "{ }", { "stripe-signature": signature }));
assertRejected(await fromGithub("push", {}, { secret: "The secret of another repository" }));

// GitHub: a ping is ignored, a push imports documents, and other events are stored as unhandled.
assertAccepted(await fromGithub("ping", { zen: "Design for failure." }));
const repository = { full_name: "acme/handbook", default_branch: "main" };
assertAccepted(await fromGithub("push", { ref: "refs/heads/main", repository }));
assertAccepted(await fromGithub("star", { action: "created", repository }));
const [push] = await waitUntilProcessed("type=push");
assert.deepEqual([push.state, push.outcome], ["handled", "documents: 1 created, 0 updated, 0 unchanged"]);
assert.equal((await api("GET", `/api/docs/${DOCUMENT}`)).status, 200);
assert.equal((await waitUntilProcessed("type=star"))[0].state, "unhandled");
assert.equal((await waitUntilProcessed("type=ping"))[0].state, "ignored");

// A provider without a secret has no endpoint.
assert.equal((await post("paypal", "{}", {})).status, 404);
console.log("webhooks: signed events accepted once, all others rejected");
