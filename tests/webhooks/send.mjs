// Signs with the libraries of the providers, and looks at what the service makes of it.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import { sign } from "@octokit/webhooks-methods";
import Stripe from "stripe";

const [url, token] = process.argv.slice(2);
const { STRIPE_SECRET, STRIPE_FORMER, GITHUB_SECRET, DOCS } = process.env;
const stripe = new Stripe("sk_test_of_nobody");

async function api(method, path, body) {
  const answer = await fetch(url + path, {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      ...(body && { "content-type": "application/json" }),
    },
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, location: answer.headers.get("location"), body: text && JSON.parse(text) };
}

async function post(provider, body, headers) {
  const answer = await fetch(`${url}/api/webhooks/${provider}`, {
    method: "POST",
    headers: { "content-type": "application/json; charset=utf-8", ...headers },
    body,
  });
  return { status: answer.status, body: await answer.json() };
}

function fromStripe(event, options = {}) {
  const payload = JSON.stringify(event, null, 2);
  const signature = stripe.webhooks.generateTestHeaderString({ payload, secret: STRIPE_SECRET, ...options });
  // What the library makes, the library believes.
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
const received = (answer) => assert.deepEqual(answer, { status: 200, body: { received: true } });
const forged = (answer) => assert.deepEqual([answer.status, answer.body.code], [400, "invalid-signature"]);

async function settled(filter) {
  for (let tries = 0; tries < 200; tries++) {
    const { body } = await api("GET", `/api/webhook-events?${filter}`);
    if (body.data.length && body.data.every((one) => one.state !== "received")) return body.data;
    await new Promise((later) => setTimeout(later, 50));
  }
  throw new Error(`nothing became of ${filter}`);
}

const customer = await api("POST", "/api/v2/customers", { name: "Evil Rabbit", email: "evil@rabbit.acme.test" });
const made = async () => {
  const invoice = { customerId: customer.body.id, amount: 15795, status: "pending" };
  return (await api("POST", "/api/v2/invoices/en-us", invoice)).body;
};
const state = async (invoice) => (await api("GET", `/api/v2/invoices/en-us/${invoice.id}`)).body;

// A payment, told many times at once, and by the secret before.
const first = await made();
const paid = event("invoice.paid", { id: "in_1", object: "invoice", metadata: { invoice: String(first.number) } });
(await Promise.all(Array.from({ length: 100 }, () => fromStripe(paid)))).forEach(received);
received(await fromStripe(paid, { secret: STRIPE_FORMER }));
const [handled] = await settled("type=invoice.paid");
assert.deepEqual([handled.state, handled.outcome], ["handled", `invoice ${first.number} is paid`]);
assert.equal((await state(first)).status, "paid");

// The money goes back before the payment is told: the newest state stays.
const second = await made();
const back = { id: "ch_1", object: "charge", refunded: true, metadata: { invoice: second.id } };
received(await fromStripe(event("charge.refunded", back)));
await settled("type=charge.refunded");
received(await fromStripe(event("invoice.paid", { object: "invoice", metadata: { invoice: second.id } })));
const late = (await settled("type=invoice.paid"))[0];
assert.equal(late.outcome, `invoice ${second.number} was already void`);
assert.equal((await state(second)).status, "void");

// An invoice that is not there fails, and can be tried again.
received(await fromStripe(event("invoice.paid", { object: "invoice", metadata: { invoice: "999999" } })));
const [failed] = await settled("state=failed");
const again = await api("POST", `/api/webhook-events/${failed.id}/replay`);
assert.equal(again.status, 202);
assert.equal((await api("GET", again.location)).status, 200);
await settled("state=failed");

// Refused: old, of another secret, of another body.
const now = Math.floor(Date.now() / 1000);
forged(await fromStripe(paid, { timestamp: now - 301 }));
forged(await fromStripe(paid, { timestamp: now + 90 }));
forged(await fromStripe(paid, { secret: "whsec_of_somebody_else" }));
const signature = stripe.webhooks.generateTestHeaderString({ payload: "{}", secret: STRIPE_SECRET });
forged(await post("stripe", "{ }", { "stripe-signature": signature }));
forged(await fromGithub("push", {}, { secret: "It's a secret to somebody else" }));

// GitHub asks who is there, tells of a push, and of what nobody here waits for.
received(await fromGithub("ping", { zen: "Design for failure." }));
const repository = { full_name: "acme/handbook", default_branch: "main" };
received(await fromGithub("push", { ref: "refs/heads/main", repository }));
received(await fromGithub("star", { action: "created", repository }));
const [push] = await settled("type=push");
assert.deepEqual([push.state, push.outcome], ["handled", "documents: 1 created, 0 updated, 0 unchanged"]);
assert.equal((await api("GET", `/api/docs/${DOCS}`)).status, 200);
assert.equal((await settled("type=star"))[0].state, "unhandled");
assert.equal((await settled("type=ping"))[0].state, "ignored");

// A provider without a secret has no address.
assert.equal((await post("paypal", "{}", {})).status, 404);
console.log("what the libraries sign is believed, once, and nothing else is");
