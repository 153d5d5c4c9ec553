import type { Middleware } from "openapi-fetch";
import type { Entry, Memory } from "./memory.js";
import { aliases, conditional, keyed, mergePatches } from "./operations.js";
import type { Session } from "./session.js";

/** What is known of a request while it is on its way. */
interface Asked {
  request: Request;
  generation: number;
  /** For whom and as what: answers to other callers and of other media types are kept apart. */
  apart: string;
  schemaPath: string;
  entry?: Entry;
}

/** Writes the header fields that make requests safe to repeat and to answer from memory. */
export function validators(memory: Memory, session: Session): Middleware {
  // Another middleware may put another request in place; the options stay the same object for one call.
  const asked = new WeakMap<object, Asked>();
  return {
    async onRequest({ request, schemaPath, options }) {
      await session.ready();
      const operation = `${request.method} ${schemaPath}`;
      if (keyed.has(operation)) setAbsent(request.headers, "Idempotency-Key", crypto.randomUUID());
      if (mergePatches.has(operation) && request.headers.get("Content-Type") === "application/json") {
        request.headers.set("Content-Type", "application/merge-patch+json");
      }
      if (bypasses(request)) return;
      const { generation } = session;
      const { headers } = request;
      const apart = `${generation} ${headers.get("Authorization") ?? ""} ${headers.get("Accept") ?? ""}`;
      const state: Asked = { request, generation, apart, schemaPath };
      asked.set(options, state);
      const known = memory.get(keyOf(state));
      if (known === undefined || request.headers.has("If-None-Match")) return;
      if (request.method === "GET" && known.body !== undefined) {
        request.headers.set("If-None-Match", known.etag);
        state.entry = known;
      } else if (conditional.has(operation) && isStrong(known.etag)) {
        setAbsent(request.headers, "If-Match", known.etag);
      }
    },

    async onResponse({ response, options }) {
      const state = asked.get(options);
      if (state === undefined || state.generation !== session.generation) return;
      if (response.status === 304 && state.entry !== undefined) return fromMemory(state.entry, response);
      await remember(memory, response, state);
      return;
    },
  };
}

function keyOf({ request, apart }: Asked, url = request.url): string {
  const address = new URL(url);
  address.hash = "";
  return `${apart} ${address.href}`;
}

function bypasses(request: Request): boolean {
  return request.cache === "no-store" || request.cache === "reload" || request.headers.has("Range");
}

async function remember(memory: Memory, response: Response, asked: Asked): Promise<void> {
  const { request } = asked;
  const key = keyOf(asked);
  const etag = response.headers.get("ETag");
  switch (request.method) {
    case "GET":
    case "PUT":
    case "PATCH":
      break;
    case "POST": {
      const location = response.headers.get("Location");
      if (response.status === 201 && etag !== null && location !== null) {
        memory.set(keyOf(asked, new URL(location, request.url).href), { etag });
      }
      return;
    }
    case "DELETE":
      if (response.ok || isGone(response)) memory.delete(key);
      return;
    default:
      return;
  }
  if (isGone(response)) return memory.delete(key);
  if (!response.ok) return;
  if (etag === null) return memory.delete(key);
  const entry = { etag, ...(await content(response)) };
  memory.set(key, entry);
  const home = aliases.get(asked.schemaPath);
  if (request.method === "GET" && home !== undefined) rememberHome(memory, asked, home, entry);
}

/** The same resource is written at another path: its version is known there as well. */
function rememberHome(memory: Memory, asked: Asked, home: string, entry: Entry): void {
  if (entry.body === undefined) return;
  const { id } = JSON.parse(new TextDecoder().decode(entry.body)) as { id: string };
  const { url } = asked.request;
  const base = url.slice(0, url.indexOf(asked.schemaPath.split("{")[0] ?? ""));
  const key = keyOf(asked, base + home.replace("{id}", id));
  const there = memory.get(key);
  if (there?.etag !== entry.etag) memory.set(key, { etag: entry.etag });
}

async function content(response: Response): Promise<Pick<Entry, "body" | "headers">> {
  const isJson = /^application\/json\b/.test(response.headers.get("Content-Type") ?? "");
  const notToKeep = /\bno-store\b/.test(response.headers.get("Cache-Control") ?? "");
  if (response.status === 204 || !isJson || notToKeep) return {};
  const body = await response.clone().arrayBuffer();
  const headers = new Headers(response.headers);
  // They describe the bytes on the wire, and the body is kept decoded.
  for (const name of ["Content-Length", "Content-Encoding", "Transfer-Encoding"]) headers.delete(name);
  return { body, headers };
}

function fromMemory(entry: Entry, response: Response): Response {
  const headers = new Headers(entry.headers);
  response.headers.forEach((value, name) => {
    if (name !== "content-length" && name !== "content-encoding") headers.set(name, value);
  });
  const answer = new Response(entry.body ?? null, { status: 200, headers });
  // `ok` stays true and the body readable, but the status tells what was on the wire.
  return Object.defineProperties(answer, { status: { value: 304 }, url: { value: response.url } });
}

const isGone = ({ status }: Response) => status === 404 || status === 410 || status === 412;

const isStrong = (etag: string) => !etag.startsWith("W/");

function setAbsent(headers: Headers, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}
