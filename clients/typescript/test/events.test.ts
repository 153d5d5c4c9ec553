import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTenon, isProblem, type Event, type ResetEvent } from "@tenon/client";
import { ADMIN, startService, type Service } from "./service.js";

let service: Service;
before(async () => {
  service = await startService();
});
after(() => service.stop());

const frame = (position: number) =>
  `id: ${position}\nevent: post.updated\ndata: ${JSON.stringify({ position, type: "post.updated" })}\n\n`;

/** A response that sends the chunks and then ends. */
function stream(...chunks: string[]): Response {
  const body = new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(new TextEncoder().encode(chunk));
      controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

async function collect(events: AsyncGenerator<Event | ResetEvent>, count: number): Promise<(Event | ResetEvent)[]> {
  const collected: (Event | ResetEvent)[] = [];
  for await (const event of events) {
    collected.push(event);
    if (collected.length === count) break;
  }
  return collected;
}

test("reconnects after an error without duplicate or partial events", async () => {
  const requestedAfter: (string | null)[] = [];
  const responses = [
    stream("retry: 1\nevent: heartbeat\nid: 5\ndata: {\"after\":5}\n\n"),
    stream("retry: 1\nid: 0\n\n"),
    stream("retry: 1\n\n", frame(1), frame(2).slice(0, 20)),
    new Response("{}", { status: 503 }),
    stream(frame(2), ":\n\n", frame(3).slice(0, 9), frame(3).slice(9)),
  ];
  const fetch = async (request: Request) => {
    requestedAfter.push(new URL(request.url).searchParams.get("after"));
    return responses.shift() ?? stream();
  };
  const tenon = createTenon({ baseUrl: "http://tenon.test", fetch, retry: { maxRetries: 0 } });
  const received = await collect(tenon.events({ topics: ["posts"] }), 3);
  assert.deepEqual(received.map(({ position }) => position), [1, 2, 3]);
  assert.deepEqual(requestedAfter, [null, "5", "0", "1", "1"]);
});

test("throws a permanent error", async () => {
  const { tenon } = service.client();
  const invalid = tenon.events({ topics: ["wood" as "posts"] });
  await assert.rejects(collect(invalid, 1), (error) => isProblem(error, "validation-failed"));
});

test("yields live and replayed events", async () => {
  const { tenon } = service.client({ credentials: ADMIN });
  const abort = new AbortController();
  const live = tenon.events({ topics: ["tags"], signal: abort.signal });
  const first = live.next();
  // The stream contains only events after its response, so the first write waits for the connection.
  const write = async (slug: string) =>
    tenon.unwrap(tenon.PUT("/api/tags/{slug}", { params: { path: { slug } }, body: { name: slug } }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await write("oak");
  const { value: oak } = await first;
  assert.equal(oak?.type, "tag.created");
  assert.equal(oak !== undefined && "data" in oak ? oak.data.href : undefined, "/api/tags/oak");
  await write("ash");
  const { value: ash } = await live.next();
  abort.abort();
  assert.equal((await live.next()).done, true);
  const replayed = await collect(tenon.events({ topics: ["tags"], after: oak?.position ?? 0 }), 1);
  assert.deepEqual(replayed, [ash]);
});

test("yields a reset when events are missing", async () => {
  const { tenon } = service.client();
  const [reset] = await collect(tenon.events({ after: 999_999 }), 1);
  assert.equal(reset?.type, "reset");
});
