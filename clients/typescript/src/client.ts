import createClient, {
  defaultPathSerializer,
  type Client,
  type ClientPathsWithMethod,
  type FetchResponse,
  type MaybeOptionalInit,
} from "openapi-fetch";
import { events, type Event, type EventsOptions, type Reset } from "./events.js";
import { Memory, type MemoryOptions } from "./memory.js";
import { deep } from "./operations.js";
import { each, type ItemOf, type ListInit, type ListPath } from "./pages.js";
import { unwrap } from "./problem.js";
import { retrying, type Fetch, type RetryOptions } from "./retry.js";
import type { paths } from "./schema.js";
import { Session, type Credentials, type Store, type User } from "./session.js";
import { validators } from "./validators.js";

export interface TenonOptions {
  /** Where the service is, such as `https://api.acme.test`. */
  baseUrl: string;
  /** An access token that somebody else looks after. */
  token?: string;
  /** An API key: `tenon_…`. */
  apiKey?: string;
  /** Signs in when first needed, and again when the session has ended. */
  credentials?: Credentials;
  /** Keeps the session of `signIn` between pages or processes. */
  store?: Store;
  memory?: MemoryOptions;
  retry?: RetryOptions;
  /** In place of `globalThis.fetch`. */
  fetch?: Fetch;
}

type Init<Path extends keyof paths, Method extends "put" | "patch"> = MaybeOptionalInit<paths[Path], Method>;
type Rest<Given> = undefined extends Given ? [init?: Given] : [init: Given];
type Preference<Given> = Given extends { params: { header: { Prefer: infer Preferred } } } ? Preferred : never;
type WithoutEmpty<Operation> = Operation extends { responses: infer Responses }
  ? { responses: Omit<Responses, 204> }
  : never;

/** There is no 204 but for those who prefer `return=minimal`. */
type WriteAnswer<Operation extends Record<string, unknown>, Given> = "return=minimal" extends Preference<Given>
  ? FetchResponse<Operation, Given, `${string}/${string}`>
  : FetchResponse<WithoutEmpty<Operation>, Given, `${string}/${string}`>;

type Write<Method extends "put" | "patch"> = <
  Path extends ClientPathsWithMethod<Client<paths>, Method>,
  Given extends Init<Path, Method>,
>(
  path: Path,
  ...init: Rest<Given>
) => Promise<WriteAnswer<paths[Path][Method] & {}, Given>>;

/** A client of one Tenon service, for one caller at a time. */
export interface Tenon extends Omit<Client<paths>, "PUT" | "PATCH"> {
  PUT: Write<"put">;
  PATCH: Write<"patch">;
  /** Who signed in; an API key or a token from elsewhere has no user here. */
  readonly user: User | undefined;
  signIn(email: string, password: string): Promise<User>;
  /** Ends the session here in any case; what it throws says that the service may not know. */
  signOut(): Promise<void>;
  /** Every entry of a list, over all pages. */
  each<Path extends ListPath>(path: Path, ...init: Rest<ListInit<Path>>): AsyncGenerator<ItemOf<Path>, void, undefined>;
  /**
   * What happens, one after the other, until the signal ends it: a connection that breaks is made again, and nothing is
   * missed or told twice.
   */
  events(options?: EventsOptions): AsyncGenerator<Event | Reset, void, undefined>;
  /** The data of an answer; a failure is thrown as a `TenonProblem`. */
  unwrap: typeof unwrap;
}

export function createTenon(options: TenonOptions): Tenon {
  const { baseUrl, token, apiKey, credentials, store } = options;
  if ([token, apiKey, credentials].filter((one) => one !== undefined).length > 1) {
    throw new TypeError("give one of token, apiKey and credentials");
  }
  const memory = new Memory(options.memory);
  const fetch = retrying(options.fetch ?? ((request) => globalThis.fetch(request)), options.retry);
  const session = new Session(fetch, baseUrl, { token: token ?? apiKey, credentials, store }, () => memory.clear());
  const client = createClient<paths>({ baseUrl, fetch: (request) => session.send(request), pathSerializer });
  client.use(validators(memory, session));
  const tenon = {
    ...client,
    get user() {
      return session.user;
    },
    signIn: (email: string, password: string) => session.signIn({ email, password }),
    signOut: () => session.signOut(),
    each: <Path extends ListPath>(path: Path, init?: ListInit<Path>) => each(client, path, init),
    events: (options?: EventsOptions) => events((request) => session.send(request), baseUrl, options),
    unwrap,
  };
  return tenon as unknown as Tenon;
}

/** A dot segment would lead to another operation, however it is encoded. */
function pathSerializer(address: string, values: Record<string, unknown>): string {
  const isDeep = [...deep].some((template) => address.endsWith(template));
  for (const value of Object.values(values)) {
    const segments = isDeep ? String(value).split("/") : [String(value)];
    if (segments.some((segment) => ["", ".", ".."].includes(segment))) {
      throw new TypeError(`${JSON.stringify(value)} cannot be part of ${address}`);
    }
  }
  if (!isDeep) return defaultPathSerializer(address, values);
  return address.replace(/\{(\w+)\}/g, (_, name: string) =>
    String(values[name]).split("/").map(encodeURIComponent).join("/"),
  );
}
