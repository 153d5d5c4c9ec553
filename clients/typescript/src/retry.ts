/** Sends a request, such as `globalThis.fetch`. */
export type Fetch = (request: Request) => Promise<Response>;

export interface RetryOptions {
  /** Maximum number of retries of one request. Default: 3. */
  maxRetries?: number;
  /** Delay before the first retry in milliseconds; doubles with each retry. Default: 200. */
  initialDelay?: number;
  /**
   * Maximum delay in milliseconds. A response with a longer `Retry-After` is returned without a retry. Default: 30,000.
   */
  maxDelay?: number;
}

/** Returns a `Fetch` that retries idempotent requests after network errors, 429 and 503. */
export function withRetry(fetch: Fetch, options: RetryOptions = {}): Fetch {
  const { maxRetries = 3, initialDelay = 200, maxDelay = 30_000 } = options;
  return async (request) => {
    const retries = isIdempotent(request) ? maxRetries : 0;
    for (let attempt = 0; attempt < retries; attempt++) {
      // Jitter prevents many clients from retrying at the same time.
      const backoff = Math.min(maxDelay, initialDelay * 2 ** attempt) * (0.5 + Math.random() / 2);
      const result = await attemptRequest(fetch, request, backoff);
      if (result instanceof Response) return result;
      if (result.delay > maxDelay) return result.response ?? fetch(request);
      await result.response?.body?.cancel();
      await sleep(result.delay, request.signal);
    }
    return fetch(request);
  };
}

/** A failed attempt: the delay before the next one, and the response if there was one. */
interface FailedAttempt {
  delay: number;
  response?: Response;
}

async function attemptRequest(fetch: Fetch, request: Request, backoff: number): Promise<Response | FailedAttempt> {
  try {
    const response = await fetch(request.clone());
    if (response.status !== 429 && response.status !== 503) return response;
    return { delay: Math.max(backoff, retryAfter(response)), response };
  } catch (error) {
    if (request.signal.aborted) throw error;
    return { delay: backoff };
  }
}

/** Returns whether a repeated request has the same effect as a single one. */
function isIdempotent(request: Request): boolean {
  switch (request.method) {
    case "GET":
    case "HEAD":
    case "PUT":
    case "DELETE":
      return true;
    case "POST":
      return request.headers.has("Idempotency-Key");
    case "PATCH":
      return request.headers.has("If-Match");
    default:
      return false;
  }
}

/** Returns `Retry-After` in milliseconds (RFC 9110, 10.2.3), or 0. */
function retryAfter(response: Response): number {
  const value = response.headers.get("Retry-After");
  if (value === null) return 0;
  const seconds = Number(value);
  const delay = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(delay) ? 0 : delay;
}

/** Resolves after `delay` milliseconds; rejects when the signal aborts. */
function sleep(delay: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    }, delay);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
}
