/** Sends a request; `globalThis.fetch` is one. */
export type Fetch = (request: Request) => Promise<Response>;

export interface RetryOptions {
  /** How often a request is sent again at most; 3 unless told. */
  retries?: number;
  /** The first wait in milliseconds; each further one is twice as long. 200 unless told. */
  firstDelay?: number;
  /** The longest wait in milliseconds. A `Retry-After` beyond it is left to the caller. 30,000 unless told. */
  longestDelay?: number;
}

/** Sends requests again that were not answered, or put off, where a second time does no harm. */
export function retrying(fetch: Fetch, options: RetryOptions = {}): Fetch {
  const { retries = 3, firstDelay = 200, longestDelay = 30_000 } = options;
  return async (request) => {
    const limit = repeatable(request) ? retries : 0;
    for (let attempt = 0; attempt < limit; attempt++) {
      const backoff = Math.min(longestDelay, firstDelay * 2 ** attempt) * (0.5 + Math.random() / 2);
      const wait = await attempted(fetch, request, backoff);
      if (wait instanceof Response) return wait;
      if (wait.delay > longestDelay) return wait.response ?? fetch(request);
      await wait.response?.body?.cancel();
      await pause(wait.delay, request.signal);
    }
    return fetch(request);
  };
}

interface Wait {
  delay: number;
  response?: Response;
}

async function attempted(fetch: Fetch, request: Request, backoff: number): Promise<Response | Wait> {
  try {
    const response = await fetch(request.clone());
    if (response.status !== 429 && response.status !== 503) return response;
    return { delay: Math.max(backoff, retryAfter(response)), response };
  } catch (error) {
    if (request.signal.aborted) throw error;
    return { delay: backoff };
  }
}

function repeatable(request: Request): boolean {
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

function retryAfter(response: Response): number {
  const value = response.headers.get("Retry-After");
  if (value === null) return 0;
  const seconds = Number(value);
  const delay = Number.isNaN(seconds) ? Date.parse(value) - Date.now() : seconds * 1000;
  return Number.isNaN(delay) ? 0 : delay;
}

function pause(delay: number, signal: AbortSignal): Promise<void> {
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
