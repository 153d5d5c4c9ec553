import type { Middleware } from "openapi-fetch";
import type { CacheEntry, EtagCache } from "./etag-cache.js";
import { canonicalPaths, idempotencyKeyOperations, ifMatchOperations, mergePatchOperations } from "./operations.js";
import type { Session } from "./session.js";

/** The state of a request between `onRequest` and `onResponse`. */
interface RequestState {
  request: Request;
  /** The session epoch in which the request was sent. */
  epoch: number;
  /** Prefix of cache keys: separates responses by caller and by media type. */
  keyPrefix: string;
  schemaPath: string;
  entry?: CacheEntry;
}

/**
 * Middleware that sets `Idempotency-Key`, `If-Match` and `If-None-Match`, stores ETags and bodies in the cache, and
 * returns the cached body for a 304 response.
 */
export function conditionalRequests(cache: EtagCache, session: Session): Middleware {
  // Keyed by the options object, because another middleware may replace the request.
  const states = new WeakMap<object, RequestState>();
  return {
    async onRequest({ request, schemaPath, options }) {
      await session.ready();
      const operation = `${request.method} ${schemaPath}`;
      if (idempotencyKeyOperations.has(operation)) {
        setIfAbsent(request.headers, "Idempotency-Key", crypto.randomUUID());
      }
      if (mergePatchOperations.has(operation) && request.headers.get("Content-Type") === "application/json") {
        request.headers.set("Content-Type", "application/merge-patch+json");
      }
      if (bypassesCache(request)) return;
      const { epoch } = session;
      const { headers } = request;
      const keyPrefix = `${epoch} ${headers.get("Authorization") ?? ""} ${headers.get("Accept") ?? ""}`;
      const state: RequestState = { request, epoch, keyPrefix, schemaPath };
      states.set(options, state);
      const cached = cache.get(cacheKey(state));
      if (cached === undefined || request.headers.has("If-None-Match")) return;
      if (request.method === "GET" && cached.body !== undefined) {
        request.headers.set("If-None-Match", cached.etag);
        state.entry = cached;
      } else if (ifMatchOperations.has(operation) && isStrong(cached.etag)) {
        setIfAbsent(request.headers, "If-Match", cached.etag);
      }
    },

    async onResponse({ response, options }) {
      const state = states.get(options);
      // The user changed during the request, so the cache of the new user must not store the response.
      if (state === undefined || state.epoch !== session.epoch) return;
      if (response.status === 304 && state.entry !== undefined) return cachedResponse(state.entry, response);
      await updateCache(cache, response, state);
      return;
    },
  };
}

function cacheKey({ request, keyPrefix }: RequestState, url = request.url): string {
  const parsed = new URL(url);
  parsed.hash = "";
  return `${keyPrefix} ${parsed.href}`;
}

function bypassesCache(request: Request): boolean {
  return request.cache === "no-store" || request.cache === "reload" || request.headers.has("Range");
}

async function updateCache(cache: EtagCache, response: Response, state: RequestState): Promise<void> {
  const { request } = state;
  const key = cacheKey(state);
  const etag = response.headers.get("ETag");
  switch (request.method) {
    case "GET":
    case "PUT":
    case "PATCH":
      break;
    case "POST": {
      const location = response.headers.get("Location");
      if (response.status === 201 && etag !== null && location !== null) {
        cache.set(cacheKey(state, new URL(location, request.url).href), { etag });
      }
      return;
    }
    case "DELETE":
      if (response.ok || invalidatesEntry(response)) cache.delete(key);
      return;
    default:
      return;
  }
  if (invalidatesEntry(response)) return cache.delete(key);
  if (!response.ok) return;
  if (etag === null) return cache.delete(key);
  const entry = { etag, ...(await cacheableContent(response)) };
  cache.set(key, entry);
  const canonicalPath = canonicalPaths.get(state.schemaPath);
  if (request.method === "GET" && canonicalPath !== undefined) {
    storeCanonicalEtag(cache, state, canonicalPath, entry);
  }
}

/** Stores the ETag for the path at which the resource is written, so that a later write sends `If-Match`. */
function storeCanonicalEtag(cache: EtagCache, state: RequestState, canonicalPath: string, entry: CacheEntry): void {
  if (entry.body === undefined) return;
  const { id } = JSON.parse(new TextDecoder().decode(entry.body)) as { id: string };
  const { url } = state.request;
  const base = url.slice(0, url.indexOf(state.schemaPath.split("{")[0] ?? ""));
  const key = cacheKey(state, base + canonicalPath.replace(/\{\w+\}$/, id));
  const existing = cache.get(key);
  if (existing?.etag !== entry.etag) cache.set(key, { etag: entry.etag });
}

/** Returns the body and the headers of a response, or nothing if the body cannot be cached. */
async function cacheableContent(response: Response): Promise<Pick<CacheEntry, "body" | "headers">> {
  const isJson = /^application\/json\b/.test(response.headers.get("Content-Type") ?? "");
  const isNoStore = /\bno-store\b/.test(response.headers.get("Cache-Control") ?? "");
  if (response.status === 204 || !isJson || isNoStore) return {};
  const body = await response.clone().arrayBuffer();
  const headers = new Headers(response.headers);
  // These headers describe the encoded bytes, and the cached body is decoded.
  for (const name of ["Content-Length", "Content-Encoding", "Transfer-Encoding"]) headers.delete(name);
  return { body, headers };
}

/** Returns a response with the cached body and the headers of the 304 response. */
function cachedResponse(entry: CacheEntry, notModified: Response): Response {
  const headers = new Headers(entry.headers);
  notModified.headers.forEach((value, name) => {
    if (name !== "content-length" && name !== "content-encoding") headers.set(name, value);
  });
  const response = new Response(entry.body ?? null, { status: 200, headers });
  // `status` is the status of the server. `ok` stays true and the body is readable.
  return Object.defineProperties(response, { status: { value: 304 }, url: { value: notModified.url } });
}

const invalidatesEntry = ({ status }: Response) => status === 404 || status === 410 || status === 412;

const isStrong = (etag: string) => !etag.startsWith("W/");

function setIfAbsent(headers: Headers, name: string, value: string): void {
  if (!headers.has(name)) headers.set(name, value);
}
