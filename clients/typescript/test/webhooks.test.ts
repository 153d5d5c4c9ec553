/** What the service sends to others is verified by the library that everybody uses. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { ADMIN, startService, type Service } from "./service.js";

interface Call {
  headers: Record<string, string>;
  body: string;
}

let service: Service;
let receiver: Server;
const calls: Call[] = [];

before(async () => {
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const piece of request) body += piece;
    calls.push({ headers: request.headers as Record<string, string>, body });
    response.writeHead(204).end();
    receiver.emit("call");
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  process.env["TENON_OUTGOING_PRIVATE"] = "on";
  service = await startService();
});
after(async () => {
  receiver.close();
  await service.stop();
});

test("a delivery is what the public library takes, and nothing else is", { timeout: 30_000 }, async () => {
  const { tenon } = service.client();
  await tenon.signIn(ADMIN.email, ADMIN.password);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const events = ["tags" as const, "post.created" as const];
  const made = await tenon.unwrap(tenon.POST("/api/webhook-endpoints", { body: { url, events } }));
  const first = new Webhook(made.secret);
  const called = once(receiver, "call");
  const content = "A joint that fits needs no glue.";
  const body = { title: "Joints", content, published: false };
  const post = await tenon.unwrap(tenon.POST("/api/posts", { body }));
  await called;
  const [call] = calls;
  assert.ok(call);
  const told = first.verify(call.body, call.headers) as { type: string; data: { id: string } };
  assert.equal(told.type, "post.created");
  assert.equal(told.data.id, post.id);
  assert.throws(() => first.verify(`${call.body} `, call.headers));
  assert.throws(() => first.verify(call.body, { ...call.headers, "webhook-id": "another" }));

  const path = { path: { id: made.id } };
  const rotated = await tenon.unwrap(tenon.POST("/api/webhook-endpoints/{id}/rotate-secret", { params: path }));
  const again = once(receiver, "call");
  await tenon.unwrap(tenon.POST("/api/webhook-endpoints/{id}/test", { params: path }));
  await again;
  const [, tested] = calls;
  assert.ok(tested);
  for (const secret of [made.secret, rotated.secret]) {
    const told = new Webhook(secret).verify(tested.body, tested.headers) as { type: string };
    assert.equal(told.type, "webhook.test");
  }
});
