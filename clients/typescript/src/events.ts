import { problemFrom } from "./problem.js";
import type { components } from "./schema.js";

export type Event = components["schemas"]["Event"];
export type Topic = components["schemas"]["Topic"];

/** Something was forgotten before it could be sent: what is shown has to be read anew. */
export interface Reset {
  type: "reset";
  /** The position behind which the events go on. */
  position: number;
}

export interface EventsOptions {
  /** Events about these; all of them if it is left out. */
  topics?: Topic[];
  /** The `position` of the last event that the caller has: what followed comes first. */
  after?: number;
  /** Ends the iteration. */
  signal?: AbortSignal;
  /** The longest wait in milliseconds before the next try while the service cannot be reached; 30,000 unless told. */
  longestDelay?: number;
}

/** Where the stream goes on, and after how many milliseconds. */
interface Place {
  after: number | undefined;
  retry: number;
}

type Send = (request: Request) => Promise<Response>;

/** The service sends a sign of life every 15 seconds. */
const SILENCE = 45_000;

/** What happens, one after the other: a connection that breaks is made again, and nothing is missed or told twice. */
export async function* events(
  send: Send,
  baseUrl: string,
  options: EventsOptions = {},
): AsyncGenerator<Event | Reset, void, undefined> {
  const { signal, longestDelay = 30_000 } = options;
  const place: Place = { after: options.after, retry: 2000 };
  for (let failures = 0; !aborted(signal); ) {
    const stream = new AbortController();
    const end = () => stream.abort(signal?.reason);
    signal?.addEventListener("abort", end, { once: true });
    try {
      const response = await send(request(baseUrl, options.topics, place.after, stream.signal));
      if (!response.ok) throw problemFrom(await response.json().catch(() => undefined), response);
      failures = 0;
      for await (const sent of read(response, stream, place)) {
        place.after = sent.position;
        yield sent;
      }
    } catch (error) {
      if (aborted(signal)) return;
      // A refusal stays one; what is busy or away comes back.
      if (error instanceof Error && "status" in error && !passing(error.status)) throw error;
      failures += 1;
    } finally {
      signal?.removeEventListener("abort", end);
      stream.abort();
    }
    await pause(Math.min(longestDelay, place.retry * 2 ** Math.max(0, failures - 1)) * (0.5 + Math.random() / 2), signal);
  }
}

/** Also during an iteration that began before. */
function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}

function passing(status: unknown): boolean {
  return status === 429 || (typeof status === "number" && status >= 500);
}

function request(baseUrl: string, topics: Topic[] = [], after: number | undefined, signal: AbortSignal): Request {
  const url = new URL(`${baseUrl.replace(/\/$/, "")}/api/events`);
  for (const topic of topics) url.searchParams.append("topics", topic);
  if (after !== undefined) url.searchParams.set("after", String(after));
  return new Request(url, { headers: { Accept: "text/event-stream" }, cache: "no-store", signal });
}

async function* read(
  response: Response,
  stream: AbortController,
  place: Place,
): AsyncGenerator<Event | Reset, void, undefined> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  while (reader !== undefined) {
    const timer = setTimeout(() => stream.abort(new Error("the stream fell silent")), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (text + value).split("\n\n");
    // The last one has not ended yet: it is not an event before it has.
    text = blocks.pop() ?? "";
    for (const block of blocks) {
      const sent = parsed(block, place);
      if (sent !== undefined) yield sent;
    }
  }
}

function parsed(block: string, place: Place): Event | Reset | undefined {
  const fields = new Map(block.split("\n").map((line) => split(line)));
  const retry = Number(fields.get("retry"));
  if (retry > 0) place.retry = retry;
  const data = fields.get("data");
  if (data === undefined) {
    // How far the log has come: nothing for this caller was in between.
    const id = fields.get("id");
    if (id !== undefined) place.after = Number(id);
    return undefined;
  }
  if (fields.get("event") !== "reset") return JSON.parse(data) as Event;
  return { type: "reset", position: (JSON.parse(data) as { after: number }).after };
}

function split(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}

function pause(delay: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    if (aborted(signal)) done();
    else signal?.addEventListener("abort", done, { once: true });
  });
}
