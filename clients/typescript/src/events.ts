import { problemFrom } from "./problem.js";
import type { Fetch } from "./retry.js";
import type { components } from "./schema.js";

export type Event = components["schemas"]["Event"];
export type Topic = components["schemas"]["Topic"];

/** Reports that events were deleted before they were sent. The client must reload its data. */
export interface ResetEvent {
  type: "reset";
  /** The position after which the stream continues. */
  position: number;
}

export interface EventsOptions {
  /** Topics of the events. Default: all topics. */
  topics?: Topic[];
  /** The `position` of the last received event. The stream starts after it. */
  after?: number;
  /** Ends the iteration. */
  signal?: AbortSignal;
  /** Maximum delay in milliseconds before a reconnect. Default: 30,000. */
  maxDelay?: number;
}

/** The resume position, and the reconnect delay in milliseconds. */
interface StreamState {
  after: number | undefined;
  retry: number;
}

/** The server sends a heartbeat every 15 seconds; three missed heartbeats end the connection. */
const IDLE_TIMEOUT_MS = 45_000;

/**
 * Yields events in commit order. After a connection error it reconnects and resumes, so that every event is yielded
 * exactly once.
 */
export async function* events(
  fetch: Fetch,
  baseUrl: string,
  options: EventsOptions = {},
): AsyncGenerator<Event | ResetEvent, void, undefined> {
  const { signal, maxDelay = 30_000 } = options;
  const state: StreamState = { after: options.after, retry: 2000 };
  for (let failures = 0; !isAborted(signal); ) {
    const connection = new AbortController();
    const abort = () => connection.abort(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const response = await fetch(buildRequest(baseUrl, options.topics, state.after, connection.signal));
      if (!response.ok) throw problemFrom(await response.json().catch(() => undefined), response);
      failures = 0;
      for await (const event of readEvents(response, connection, state)) {
        state.after = event.position;
        yield event;
      }
    } catch (error) {
      if (isAborted(signal)) return;
      // A permanent error is thrown; network errors, 429 and 5xx cause a reconnect.
      if (error instanceof Error && "status" in error && !isTransient(error.status)) throw error;
      failures += 1;
    } finally {
      signal?.removeEventListener("abort", abort);
      connection.abort();
    }
    const backoff = Math.min(maxDelay, state.retry * 2 ** Math.max(0, failures - 1));
    await sleep(backoff * (0.5 + Math.random() / 2), signal);
  }
}

/** A function, because TypeScript would narrow `signal.aborted` to `false` for the rest of the loop. */
function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted ?? false;
}

function isTransient(status: unknown): boolean {
  return status === 429 || (typeof status === "number" && status >= 500);
}

function buildRequest(baseUrl: string, topics: Topic[] = [], after: number | undefined, signal: AbortSignal): Request {
  const url = new URL(`${baseUrl.replace(/\/$/, "")}/api/events`);
  for (const topic of topics) url.searchParams.append("topics", topic);
  if (after !== undefined) url.searchParams.set("after", String(after));
  return new Request(url, { headers: { Accept: "text/event-stream" }, cache: "no-store", signal });
}

async function* readEvents(
  response: Response,
  connection: AbortController,
  state: StreamState,
): AsyncGenerator<Event | ResetEvent, void, undefined> {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  while (reader !== undefined) {
    const timer = setTimeout(() => connection.abort(new Error("event stream timed out")), IDLE_TIMEOUT_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(timer));
    if (done) return;
    const blocks = (buffer + value).split("\n\n");
    // The last block is incomplete until its blank line arrives.
    buffer = blocks.pop() ?? "";
    for (const block of blocks) {
      const event = parseBlock(block, state);
      if (event !== undefined) yield event;
    }
  }
}

function parseBlock(block: string, state: StreamState): Event | ResetEvent | undefined {
  const fields = new Map(block.split("\n").map((line) => parseLine(line)));
  const retry = Number(fields.get("retry"));
  if (retry > 0) state.retry = retry;
  const data = fields.get("data");
  if (data === undefined || fields.get("event") === "heartbeat") {
    // The id of a heartbeat, with or without data, advances the resume position past events that this caller may not see.
    const id = fields.get("id");
    if (id !== undefined) state.after = Number(id);
    return undefined;
  }
  if (fields.get("event") !== "reset") return JSON.parse(data) as Event;
  return { type: "reset", position: (JSON.parse(data) as { after: number }).after };
}

function parseLine(line: string): [string, string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}

/** Resolves after `delay` milliseconds, or when the signal aborts. */
function sleep(delay: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, delay);
    if (isAborted(signal)) done();
    else signal?.addEventListener("abort", done, { once: true });
  });
}
