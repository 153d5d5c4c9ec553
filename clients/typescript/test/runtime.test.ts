import assert from "node:assert/strict";
import { test } from "node:test";
import { createTenon, isProblem, type TenonOptions } from "@tenon/client";

const ID = "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f";
const path = { id: ID };
const post = { title: "A joint that fits", content: "Cut the tenon to the mortise." };

type Step = Response | Error;

/** A client whose requests get these answers, one after the other. */
function scripted(steps: Step[], options: Partial<TenonOptions> = {}) {
  const requests: Request[] = [];
  const fetch = async (request: Request) => {
    requests.push(request);
    const step = steps.shift() ?? new Error("one request too many");
    if (step instanceof Error) throw step;
    return step;
  };
  const retry = { firstDelay: 1, ...options.retry };
  return { requests, tenon: createTenon({ baseUrl: "http://tenon.test", fetch, ...options, retry }) };
}

const json = (value: unknown, headers: Record<string, string> = {}, status = 200) =>
  new Response(JSON.stringify(value), { status, headers: { "Content-Type": "application/json", ...headers } });
const lost = () => new TypeError("fetch failed");
const busy = (headers = {}) => json({ code: "service-unavailable", detail: "Try again." }, headers, 503);

test("a read is sent again until it is answered", async () => {
  const { tenon, requests } = scripted([lost(), busy(), busy({ "Retry-After": "0" }), json({ id: ID })]);
  const { data } = await tenon.GET("/api/posts/{id}", { params: { path } });
  assert.equal(data?.id, ID);
  assert.equal(requests.length, 4);
});

test("after three times more it is left to the caller", async () => {
  const { tenon, requests } = scripted([busy(), lost(), busy(), busy()]);
  await assert.rejects(tenon.unwrap(tenon.GET("/api/posts")), (error) => isProblem(error, "service-unavailable"));
  assert.equal(requests.length, 4);
});

test("a create is sent again with the same key and body", async () => {
  const { tenon, requests } = scripted([lost(), json({ id: ID }, {}, 201)]);
  await tenon.unwrap(tenon.POST("/api/posts", { body: post }));
  const keys = requests.map(({ headers }) => headers.get("Idempotency-Key"));
  assert.match(keys[0] ?? "", /^[0-9a-f-]{36}$/);
  assert.equal(keys[0], keys[1]);
  assert.deepEqual(await requests[1]?.json(), post);
});

test("one's own key is kept", async () => {
  const { tenon, requests } = scripted([json({ id: ID }, {}, 201)]);
  await tenon.POST("/api/posts", { body: post, params: { header: { "Idempotency-Key": "mine" } } });
  assert.equal(requests[0]?.headers.get("Idempotency-Key"), "mine");
});

test("what may have happened and cannot be told is not sent again", async () => {
  const { tenon, requests } = scripted([lost(), lost()]);
  await assert.rejects(tenon.PATCH("/api/posts/{id}", { params: { path }, body: { title: "T" } }), TypeError);
  await assert.rejects(tenon.POST("/api/auth/logout"), TypeError);
  assert.equal(requests.length, 2);
});

test("Retry-After is waited for, and left to the caller when it is too long", async () => {
  const patient = scripted([busy({ "Retry-After": "1" }), json({ id: ID })]);
  const begin = Date.now();
  await patient.tenon.GET("/api/posts/{id}", { params: { path } });
  assert.ok(Date.now() - begin >= 990);
  const hasty = scripted([busy({ "Retry-After": "60" })]);
  const { response } = await hasty.tenon.GET("/api/posts");
  assert.equal(response.status, 503);
});

test("an abort ends the waiting", async () => {
  const { tenon, requests } = scripted([busy({ "Retry-After": "20" })]);
  const signal = AbortSignal.timeout(50);
  await assert.rejects(tenon.GET("/api/posts", { signal }), { name: "TimeoutError" });
  assert.equal(requests.length, 1);
});

test("a forgotten answer is read anew, and the one used longest ago is forgotten first", async () => {
  const answer = () => json({ id: ID }, { ETag: '"one"' });
  const steps = [answer(), answer(), answer(), answer()];
  const { tenon, requests } = scripted(steps, { memory: { entries: 2 } });
  const slugs = ["a", "b", "c", "a"];
  for (const slug of slugs) await tenon.GET("/api/tags/{slug}", { params: { path: { slug } } });
  assert.equal(requests[3]?.headers.get("If-None-Match"), null);
});

test("answers that are too large or not to be kept are not kept", async () => {
  const large = { description: "x".repeat(5000) };
  const steps = [json(large, { ETag: '"one"' }), json(large), json({}, { ETag: '"two"', "Cache-Control": "no-store" }), json({})];
  const { tenon, requests } = scripted(steps, { memory: { bytes: 4000 } });
  for (const _ of [1, 2, 3, 4]) await tenon.GET("/api/me");
  assert.deepEqual(requests.map(({ headers }) => headers.get("If-None-Match")), [null, null, null, null]);
});

test("weak tags are for reads only", async () => {
  const { tenon, requests } = scripted([json({ id: ID }, { ETag: 'W/"one"' }), json({ id: ID })]);
  await tenon.GET("/api/posts/{id}", { params: { path } });
  await tenon.PUT("/api/posts/{id}", { params: { path }, body: post });
  assert.equal(requests[1]?.headers.get("If-Match"), null);
});

test("a value cannot lead to another operation", async () => {
  const { tenon, requests } = scripted([]);
  await assert.rejects(tenon.GET("/api/posts/{id}", { params: { path: { id: ".." } } }), TypeError);
  await assert.rejects(tenon.GET("/api/docs/{path}", { params: { path: { path: "a/../../posts" } } }), TypeError);
  assert.equal(requests.length, 0);
});

test("an answer that is not the service's own is a problem too", async () => {
  const { tenon } = scripted([new Response("<h1>Bad gateway</h1>", { status: 502 })]);
  await assert.rejects(tenon.unwrap(tenon.GET("/api/posts")), (error) => {
    return isProblem(error, "not-a-problem") && error.status === 502;
  });
});
