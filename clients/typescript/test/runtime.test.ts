import assert from "node:assert/strict";
import { test } from "node:test";
import { createTenon, isProblem, type TenonOptions } from "@tenon/client";

const ID = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
const path = { post: ID };
const post = { title: "A joint that fits", content: "Cut the tenon to the mortise." };

type Step = Response | Error;

/** Creates a client whose requests receive the given results in order. */
function mockClient(steps: Step[], options: Partial<TenonOptions> = {}) {
  const requests: Request[] = [];
  const fetch = async (request: Request) => {
    requests.push(request);
    const step = steps.shift() ?? new Error("unexpected request");
    if (step instanceof Error) throw step;
    return step;
  };
  const retry = { initialDelay: 1, ...options.retry };
  return { requests, tenon: createTenon({ baseUrl: "http://tenon.test", fetch, ...options, retry }) };
}

const json = (value: unknown, headers: Record<string, string> = {}, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json", ...headers } });
const networkError = () => new TypeError("fetch failed");
const unavailable = (headers = {}) => json({ code: "service-unavailable", detail: "Try again." }, headers, 503);

test("retries a read after network errors and 503", async () => {
  const steps = [networkError(), unavailable(), unavailable({ "Retry-After": "0" }), json({ id: ID })];
  const { tenon, requests } = mockClient(steps);
  const { data } = await tenon.GET("/api/posts/{post}", { params: { path } });
  assert.equal(data?.id, ID);
  assert.equal(requests.length, 4);
});

test("returns the error after three retries", async () => {
  const { tenon, requests } = mockClient([unavailable(), networkError(), unavailable(), unavailable()]);
  await assert.rejects(tenon.unwrap(tenon.GET("/api/posts")), (error) => isProblem(error, "service-unavailable"));
  assert.equal(requests.length, 4);
});

test("retries a create with the same idempotency key and body", async () => {
  const { tenon, requests } = mockClient([networkError(), json({ id: ID }, {}, 201)]);
  await tenon.unwrap(tenon.POST("/api/posts", { body: post }));
  const keys = requests.map(({ headers }) => headers.get("Idempotency-Key"));
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual(await requests[1]?.json(), post);
});

test("preserves an explicit idempotency key", async () => {
  const { tenon, requests } = mockClient([json({ id: ID }, {}, 201)]);
  await tenon.POST("/api/posts", { body: post, params: { header: { "Idempotency-Key": "mine" } } });
  assert.equal(requests[0]?.headers.get("Idempotency-Key"), "mine");
});

test("does not retry requests that are not idempotent", async () => {
  const { tenon, requests } = mockClient([networkError(), networkError()]);
  await assert.rejects(tenon.PATCH("/api/posts/{post}", { params: { path }, body: { title: "T" } }), TypeError);
  await assert.rejects(tenon.POST("/api/auth/logout"), TypeError);
  assert.equal(requests.length, 2);
});

test("waits for Retry-After up to the maximum delay", async () => {
  const retried = mockClient([unavailable({ "Retry-After": "1" }), json({ id: ID })]);
  const start = Date.now();
  await retried.tenon.GET("/api/posts/{post}", { params: { path } });
  assert.ok(Date.now() - start >= 990);
  const returned = mockClient([unavailable({ "Retry-After": "60" })]);
  const { response } = await returned.tenon.GET("/api/posts");
  assert.equal(response.status, 503);
});

test("an abort signal cancels the retry delay", async () => {
  const { tenon, requests } = mockClient([unavailable({ "Retry-After": "20" })]);
  const signal = AbortSignal.timeout(50);
  await assert.rejects(tenon.GET("/api/posts", { signal }), { name: "TimeoutError" });
  assert.equal(requests.length, 1);
});

test("evicts the least recently used entry", async () => {
  const response = () => json({ id: ID }, { ETag: '"one"' });
  const steps = [response(), response(), response(), response()];
  const { tenon, requests } = mockClient(steps, { cache: { maxEntries: 2 } });
  const slugs = ["a", "b", "c", "a"];
  for (const slug of slugs) await tenon.GET("/api/tags/{slug}", { params: { path: { slug } } });
  assert.equal(requests[3]?.headers.get("If-None-Match"), null);
});

test("does not cache responses that are too large or no-store", async () => {
  const large = { description: "x".repeat(5000) };
  const noStore = json({}, { ETag: '"two"', "Cache-Control": "no-store" });
  const steps = [json(large, { ETag: '"one"' }), json(large), noStore, json({})];
  const { tenon, requests } = mockClient(steps, { cache: { maxBytes: 4000 } });
  for (const _ of [1, 2, 3, 4]) await tenon.GET("/api/me");
  assert.deepEqual(requests.map(({ headers }) => headers.get("If-None-Match")), [null, null, null, null]);
});

test("does not send weak ETags in If-Match", async () => {
  const { tenon, requests } = mockClient([json({ id: ID }, { ETag: 'W/"one"' }), json({ id: ID })]);
  await tenon.GET("/api/posts/{post}", { params: { path } });
  await tenon.PUT("/api/posts/{post}", { params: { path }, body: post });
  assert.equal(requests[1]?.headers.get("If-Match"), null);
});

test("rejects dot segments in path parameters", async () => {
  const { tenon, requests } = mockClient([]);
  await assert.rejects(tenon.GET("/api/posts/{post}", { params: { path: { post: ".." } } }), TypeError);
  await assert.rejects(tenon.GET("/api/docs/{path}", { params: { path: { path: "a/../../posts" } } }), TypeError);
  assert.equal(requests.length, 0);
});

test("converts a response of an intermediary to a problem", async () => {
  const { tenon } = mockClient([new Response("<h1>Bad gateway</h1>", { status: 502 })]);
  await assert.rejects(tenon.unwrap(tenon.GET("/api/posts")), (error) => {
    return isProblem(error, "unexpected-response") && error.status === 502;
  });
});
