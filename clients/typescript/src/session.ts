import type { components } from "./schema.js";
import type { Fetch } from "./retry.js";
import { problemFrom } from "./problem.js";

export type User = components["schemas"]["User"];
type Login = components["schemas"]["Login"];

export interface Credentials {
  email: string;
  password: string;
}

export interface Tokens {
  accessToken: string;
  /** Good for one use: whoever keeps it must keep every successor. */
  refreshToken: string;
  /** When the access token expires, in milliseconds since 1970. */
  expiresAt: number;
  user: User;
}

/** Where a session outlives the page or the process. Nothing to load or to keep is `undefined`. */
export interface Store {
  load(): Tokens | undefined | Promise<Tokens | undefined>;
  save(tokens: Tokens | undefined): void | Promise<void>;
}

export interface SessionOptions {
  /** An access token or an API key, sent as it is. */
  token?: string | undefined;
  credentials?: Credentials | undefined;
  store?: Store | undefined;
}

/** How long before its end an access token is renewed, unless it lives shorter than twice that. */
const MARGIN = 30_000;

/** Who the client is: keeps the tokens, renews them in time, and puts them on requests. */
export class Session {
  readonly #send: Fetch;
  readonly #baseUrl: string;
  readonly #options: SessionOptions;
  readonly #forget: () => void;
  #tokens: Tokens | undefined;
  #margin = MARGIN;
  #loading: Promise<void> | undefined;
  #renewal: Promise<Response | undefined> | undefined;
  #generation = 0;

  constructor(send: Fetch, baseUrl: string, options: SessionOptions, forget: () => void) {
    this.#send = send;
    this.#baseUrl = baseUrl.replace(/\/$/, "");
    this.#options = options;
    this.#forget = forget;
  }

  /** Rises whenever the client becomes somebody else. */
  get generation(): number {
    return this.#generation;
  }

  get user(): User | undefined {
    return this.#tokens?.user;
  }

  /** Settles when a kept session is loaded. */
  ready(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  async signIn(credentials: Credentials): Promise<User> {
    await this.ready();
    this.#turn();
    const generation = this.#generation;
    const response = await this.#post("/api/auth/login", credentials);
    if (!response.ok) throw await problemOf(response);
    const tokens = tokensOf((await response.json()) as Login);
    if (generation === this.#generation) await this.#keep(tokens);
    return tokens.user;
  }

  async signOut(): Promise<void> {
    await this.ready();
    const tokens = this.#tokens;
    try {
      if (tokens === undefined) return;
      const response = await this.send(new Request(`${this.#baseUrl}/api/auth/logout`, { method: "POST" }));
      if (!response.ok && response.status !== 401) throw await problemOf(response);
    } finally {
      this.#turn();
      await this.#keep(undefined);
    }
  }

  /** Sends a request as this session, if it does not say itself who asks. */
  async send(request: Request): Promise<Response> {
    await this.ready();
    if (request.headers.has("Authorization")) return this.#send(request);
    if (this.#options.token !== undefined) return this.#send(authorized(request, this.#options.token));
    const refused = await this.#prepare();
    if (refused !== undefined) return refused;
    const token = this.#tokens?.accessToken;
    if (token === undefined) return this.#send(request);
    const again = request.clone();
    const response = await this.#send(authorized(request, token));
    if (response.status !== 401 || (await problemOf(response.clone())).code !== "invalid-token") return response;
    if ((await this.#renew(token)) !== undefined || this.#tokens === undefined) return response;
    return this.#send(authorized(again, this.#tokens.accessToken));
  }

  /** Sees to a token that is good for a while; answers with the refusal if there can be none. */
  async #prepare(): Promise<Response | undefined> {
    const tokens = this.#tokens;
    if (tokens === undefined) return this.#options.credentials && this.#renew(undefined);
    const left = tokens.expiresAt - Date.now();
    if (left > this.#margin) return undefined;
    try {
      const refused = await this.#renew(tokens.accessToken);
      return left > 0 && this.#tokens !== undefined ? undefined : refused;
    } catch (error) {
      if (left > 0) return undefined;
      throw error;
    }
  }

  /** Replaces the token that was used, once for all who ask meanwhile. */
  async #renew(used: string | undefined): Promise<Response | undefined> {
    if (this.#tokens?.accessToken !== used) return undefined;
    this.#renewal ??= this.#next().finally(() => (this.#renewal = undefined));
    return (await this.#renewal)?.clone();
  }

  async #next(): Promise<Response | undefined> {
    const generation = this.#generation;
    if (await this.#adopt()) return undefined;
    const { credentials } = this.#options;
    let response: Response | undefined;
    if (this.#tokens !== undefined) {
      response = await this.#refresh(this.#tokens.refreshToken);
      if (response.status === 401 && generation === this.#generation) await this.#keep(undefined);
    }
    if (credentials && (response === undefined || response.status === 401)) {
      response = await this.#post("/api/auth/login", credentials);
    }
    if (!response?.ok) return response;
    const tokens = tokensOf((await response.json()) as Login);
    if (generation === this.#generation) await this.#keep(tokens);
    return undefined;
  }

  /** Another page or process that shares the store may have renewed the session already. */
  async #adopt(): Promise<boolean> {
    const kept = await this.#options.store?.load();
    if (kept === undefined || kept.refreshToken === this.#tokens?.refreshToken) return false;
    this.#become(kept);
    return kept.expiresAt - Date.now() > this.#margin;
  }

  /** The service gives the same answer to the same refresh for ten seconds, so a lost one is asked for again. */
  async #refresh(refreshToken: string): Promise<Response> {
    try {
      return await this.#post("/api/auth/refresh", { refreshToken });
    } catch {
      return this.#post("/api/auth/refresh", { refreshToken });
    }
  }

  #post(path: string, body: Credentials | components["schemas"]["Refresh"]): Promise<Response> {
    const headers = { "Content-Type": "application/json" };
    return this.#send(new Request(this.#baseUrl + path, { method: "POST", headers, body: JSON.stringify(body) }));
  }

  async #load(): Promise<void> {
    const kept = await this.#options.store?.load();
    if (kept !== undefined) this.#become(kept);
  }

  async #keep(tokens: Tokens | undefined): Promise<void> {
    this.#become(tokens);
    await this.#options.store?.save(tokens);
  }

  #become(tokens: Tokens | undefined): void {
    if (this.#tokens !== undefined && this.#tokens.user.id !== tokens?.user.id) this.#turn();
    this.#tokens = tokens;
    if (tokens !== undefined) this.#margin = Math.min(MARGIN, (tokens.expiresAt - Date.now()) / 2);
  }

  #turn(): void {
    this.#generation++;
    this.#forget();
  }
}

function tokensOf({ accessToken, refreshToken, expiresIn, user }: Login): Tokens {
  return { accessToken, refreshToken, expiresAt: Date.now() + expiresIn * 1000, user };
}

function authorized(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

async function problemOf(response: Response) {
  return problemFrom(await response.json().catch(() => undefined), response);
}
