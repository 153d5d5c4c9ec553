import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { createTenon, isProblem, type Event, type Reset } from "@tenon/client";
import { ADMIN, startService, type Service } from "./service.js";

let service: Service;
before(async () => {
  service = await startService();
});
after(() => service.stop());

const frame = (position: number) =>
  `id: ${position}\nevent: post.updated\ndata: ${JSON.stringify({ position, type: "post.updated" })}\n\n`;

/** An answer that sends these pieces and then breaks off. */
function stream(...pieces: string[]): Response {
  const body = new ReadableStream({
    start(controller) {
      for (const piece of pieces) controller.enqueue(new TextEncoder().encode(piece));
      controller.close();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream" } });
}

async function taken(events: AsyncGenerator<Event | Reset>, many: number): Promise<(Event | Reset)[]> {
  const all: (Event | Reset)[] = [];
  for await (const event of events) {
    all.push(event);
    if (all.length === many) break;
  }
  return all;
}

test("a stream that breaks is taken up again, and no event comes twice or half", async () => {
  const asked: (string | null)[] = [];
  const answers = [
    stream("retry: 1\nid: 0\n\n"),
    stream("retry: 1\n\n", frame(1), frame(2).slice(0, 20)),
    new Response("{}", { status: 503 }),
    stream(frame(2), ":\n\n", frame(3).slice(0, 9), frame(3).slice(9)),
  ];
  const fetch = async (request: Request) => {
    asked.push(new URL(request.url).searchParams.get("after"));
    return answers.shift() ?? stream();
  };
  const tenon = createTenon({ baseUrl: "http://tenon.test", fetch, retry: { retries: 0 } });
  const all = await taken(tenon.events({ topics: ["posts"] }), 3);
  assert.deepEqual(all.map(({ position }) => position), [1, 2, 3]);
  assert.deepEqual(asked, [null, "0", "1", "1"]);
});

test("a refusal ends it", async () => {
  const { tenon } = service.client();
  const wrong = tenon.events({ topics: ["wood" as "posts"] });
  await assert.rejects(taken(wrong, 1), (error) => isProblem(error, "validation-failed"));
});

test("what is done is told to whoever may know, while it is done and afterwards", async () => {
  const { tenon } = service.client({ credentials: ADMIN });
  const ended = new AbortController();
  const live = tenon.events({ topics: ["tags"], signal: ended.signal });
  const first = live.next();
  // The stream is there when it is answered; a tag that is written before is not among what it tells.
  const write = async (slug: string) =>
    tenon.unwrap(tenon.PUT("/api/tags/{slug}", { params: { path: { slug } }, body: { name: slug } }));
  await new Promise((resolve) => setTimeout(resolve, 500));
  await write("oak");
  const { value: oak } = await first;
  assert.equal(oak?.type, "tag.created");
  assert.equal(oak !== undefined && "data" in oak ? oak.data.href : undefined, "/api/tags/oak");
  await write("ash");
  const { value: ash } = await live.next();
  ended.abort();
  assert.equal((await live.next()).done, true);
  const again = await taken(tenon.events({ topics: ["tags"], after: oak?.position ?? 0 }), 1);
  assert.deepEqual(again, [ash]);
});

test("what is forgotten comes as a reset", async () => {
  const { tenon } = service.client();
  const [reset] = await taken(tenon.events({ after: 999_999 }), 1);
  assert.equal(reset?.type, "reset");
});
