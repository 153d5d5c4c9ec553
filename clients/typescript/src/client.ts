import createClient, {
  defaultPathSerializer,
  type Client,
  type ClientPathsWithMethod,
  type FetchResponse,
  type MaybeOptionalInit,
} from "openapi-fetch";
import { conditionalRequests } from "./conditional-requests.js";
import { EtagCache, type EtagCacheOptions } from "./etag-cache.js";
import { events, type Event, type EventsOptions, type ResetEvent } from "./events.js";
import { multiSegmentPaths } from "./operations.js";
import { paginate, type ItemOf, type ListInit, type ListPath } from "./pagination.js";
import { unwrap } from "./problem.js";
import { withRetry, type Fetch, type RetryOptions } from "./retry.js";
import type { paths } from "./schema.js";
import { Session, type Credentials, type TokenStore, type User } from "./session.js";

export interface TenonOptions {
  /** Base URL of the service, such as `https://api.acme.test`. */
  baseUrl: string;
  /** An access token. The client does not refresh it. */
  token?: string;
  /** An API key: `tenon_…`. */
  apiKey?: string;
  /** Credentials for sign-in on the first request, and again when the session has expired. */
  credentials?: Credentials;
  /** Persists the session of `signIn` across pages or processes. */
  store?: TokenStore;
  /** Limits of the response cache. */
  cache?: EtagCacheOptions;
  retry?: RetryOptions;
  /** Sends requests. Default: `globalThis.fetch`. */
  fetch?: Fetch;
}

type WriteInit<Path extends keyof paths, Method extends "put" | "patch"> = MaybeOptionalInit<paths[Path], Method>;
type InitArgs<Init> = undefined extends Init ? [init?: Init] : [init: Init];
type PreferHeader<Init> = Init extends { params: { header: { Prefer: infer Prefer } } } ? Prefer : never;
type WithoutNoContent<Operation> = Operation extends { responses: infer Responses }
  ? { responses: Omit<Responses, 204> }
  : never;

/** The response of a write: 204 is possible only with `Prefer: return=minimal`. */
type WriteResponse<Operation extends Record<string, unknown>, Init> = "return=minimal" extends PreferHeader<Init>
  ? FetchResponse<Operation, Init, `${string}/${string}`>
  : FetchResponse<WithoutNoContent<Operation>, Init, `${string}/${string}`>;

type Write<Method extends "put" | "patch"> = <
  Path extends ClientPathsWithMethod<Client<paths>, Method>,
  Init extends WriteInit<Path, Method>,
>(
  path: Path,
  ...init: InitArgs<Init>
) => Promise<WriteResponse<paths[Path][Method] & {}, Init>>;

/** A client of one Tenon service with at most one signed-in user. */
export interface Tenon extends Omit<Client<paths>, "PUT" | "PATCH"> {
  PUT: Write<"put">;
  PATCH: Write<"patch">;
  /** The signed-in user; `undefined` for API keys and access tokens. */
  readonly user: User | undefined;
  signIn(email: string, password: string): Promise<User>;
  /** Deletes the local session in any case. If it throws, the session on the server may still be active. */
  signOut(): Promise<void>;
  /** Yields the items of all pages of a list. */
  paginate<Path extends ListPath>(
    path: Path,
    ...init: InitArgs<ListInit<Path>>
  ): AsyncGenerator<ItemOf<Path>, void, undefined>;
  /**
   * Yields events in commit order until the signal aborts. After a connection error it reconnects and resumes, so that
   * every event is yielded exactly once.
   */
  events(options?: EventsOptions): AsyncGenerator<Event | ResetEvent, void, undefined>;
  /** Returns the data of a response; throws a `TenonProblem` for an error response. */
  unwrap: typeof unwrap;
}

/** Creates a client. Throws a `TypeError` if more than one of `token`, `apiKey` and `credentials` is given. */
export function createTenon(options: TenonOptions): Tenon {
  const { baseUrl, token, apiKey, credentials, store } = options;
  if ([token, apiKey, credentials].filter((option) => option !== undefined).length > 1) {
    throw new TypeError("options: set only one of token, apiKey and credentials");
  }
  const cache = new EtagCache(options.cache);
  const fetch = withRetry(options.fetch ?? ((request) => globalThis.fetch(request)), options.retry);
  const session = new Session(fetch, baseUrl, { token: token ?? apiKey, credentials, store }, () => cache.clear());
  const client = createClient<paths>({ baseUrl, fetch: (request) => session.send(request), pathSerializer });
  client.use(conditionalRequests(cache, session));
  const tenon = {
    ...client,
    get user() {
      return session.user;
    },
    signIn: (email: string, password: string) => session.signIn({ email, password }),
    signOut: () => session.signOut(),
    paginate: <Path extends ListPath>(path: Path, init?: ListInit<Path>) => paginate(client, path, init),
    events: (options?: EventsOptions) => events((request) => session.send(request), baseUrl, options),
    unwrap,
  };
  return tenon as unknown as Tenon;
}

/** Serializes path parameters. Rejects dot segments, because URL normalization would select another operation. */
function pathSerializer(url: string, values: Record<string, unknown>): string {
  const isMultiSegment = [...multiSegmentPaths].some((template) => url.endsWith(template));
  for (const value of Object.values(values)) {
    const segments = isMultiSegment ? String(value).split("/") : [String(value)];
    if (segments.some((segment) => ["", ".", ".."].includes(segment))) {
      const got = JSON.stringify(value);
      throw new TypeError(`${url}: path parameters must not have empty or dot segments, got ${got}`);
    }
  }
  if (!isMultiSegment) return defaultPathSerializer(url, values);
  return url.replace(/\{(\w+)\}/g, (_, name: string) =>
    String(values[name]).split("/").map(encodeURIComponent).join("/"),
  );
}
