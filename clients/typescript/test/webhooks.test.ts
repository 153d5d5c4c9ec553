/** Verifies deliveries of the service with the official Standard Webhooks library. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Webhook } from "standardwebhooks";
import { ADMIN, startService, type Service } from "./service.js";

interface Delivery {
  headers: Record<string, string>;
  body: string;
}

let service: Service;
let receiver: Server;
const deliveries: Delivery[] = [];

before(async () => {
  receiver = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    deliveries.push({ headers: request.headers as Record<string, string>, body });
    response.writeHead(204).end();
    receiver.emit("delivery");
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  process.env["TENON_ALLOW_PRIVATE_NETWORKS"] = "on";
  service = await startService();
});
after(async () => {
  receiver.close();
  await service.stop();
});

test("the Standard Webhooks library accepts deliveries and rejects modified ones", { timeout: 30_000 }, async () => {
  const { tenon } = service.client();
  await tenon.signIn(ADMIN.email, ADMIN.password);
  const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
  const events = ["tags" as const, "post.created" as const];
  const endpoint = await tenon.unwrap(tenon.POST("/api/webhook-endpoints", { body: { url, events } }));
  const verifier = new Webhook(endpoint.secret);
  const delivered = once(receiver, "delivery");
  const content = "A joint that fits needs no glue.";
  const body = { title: "Joints", content, published: false };
  const post = await tenon.unwrap(tenon.POST("/api/posts", { body }));
  await delivered;
  const [delivery] = deliveries;
  assert.ok(delivery);
  const event = verifier.verify(delivery.body, delivery.headers) as { type: string; data: { id: string } };
  assert.equal(event.type, "post.created");
  assert.equal(event.data.id, post.id);
  assert.throws(() => verifier.verify(`${delivery.body} `, delivery.headers));
  assert.throws(() => verifier.verify(delivery.body, { ...delivery.headers, "webhook-id": "another" }));

  const params = { path: { id: endpoint.id } };
  const rotated = await tenon.unwrap(tenon.POST("/api/webhook-endpoints/{id}/rotate-secret", { params }));
  const testDelivered = once(receiver, "delivery");
  await tenon.unwrap(tenon.POST("/api/webhook-endpoints/{id}/test", { params }));
  await testDelivered;
  const [, testDelivery] = deliveries;
  assert.ok(testDelivery);
  for (const secret of [endpoint.secret, rotated.secret]) {
    const event = new Webhook(secret).verify(testDelivery.body, testDelivery.headers) as { type: string };
    assert.equal(event.type, "webhook.test");
  }
});
