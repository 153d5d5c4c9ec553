import { problemFrom } from "./problem.js";
import type { Fetch } from "./retry.js";
import type { components } from "./schema.js";

export type User = components["schemas"]["User"];
type Login = components["schemas"]["Login"];

export interface Credentials {
  email: string;
  password: string;
}

export interface Tokens {
  accessToken: string;
  /** Valid for one refresh. Every refresh returns a new refresh token, which must be stored. */
  refreshToken: string;
  /** Expiry time of the access token, in milliseconds since the Unix epoch. */
  expiresAt: number;
  user: User;
}

/** Persists the tokens of a session. `undefined` means that there is no session. */
export interface TokenStore {
  load(): Tokens | undefined | Promise<Tokens | undefined>;
  save(tokens: Tokens | undefined): void | Promise<void>;
}

export interface SessionOptions {
  /** An access token or an API key, sent unchanged. */
  token?: string | undefined;
  credentials?: Credentials | undefined;
  store?: TokenStore | undefined;
}

/** Time before expiry at which an access token is refreshed. For lifetimes below one minute, half of the lifetime. */
const REFRESH_MARGIN_MS = 30_000;

/** Authenticates requests: stores the tokens of the session and refreshes them before they expire. */
export class Session {
  readonly #fetch: Fetch;
  readonly #baseUrl: string;
  readonly #options: SessionOptions;
  readonly #onUserChange: () => void;
  #tokens: Tokens | undefined;
  #refreshMargin = REFRESH_MARGIN_MS;
  #loading: Promise<void> | undefined;
  #refreshing: Promise<Response | undefined> | undefined;
  #epoch = 0;

  constructor(fetch: Fetch, baseUrl: string, options: SessionOptions, onUserChange: () => void) {
    this.#fetch = fetch;
    this.#baseUrl = baseUrl.replace(/\/$/, "");
    this.#options = options;
    this.#onUserChange = onUserChange;
  }

  /** Increases whenever the user changes. Responses of an earlier epoch belong to another user. */
  get epoch(): number {
    return this.#epoch;
  }

  get user(): User | undefined {
    return this.#tokens?.user;
  }

  /** Resolves when the stored session is loaded. */
  ready(): Promise<void> {
    return (this.#loading ??= this.#load());
  }

  async signIn(credentials: Credentials): Promise<User> {
    await this.ready();
    this.#startEpoch();
    const epoch = this.#epoch;
    const response = await this.#post("/api/auth/login", credentials);
    if (!response.ok) throw await problemOf(response);
    const tokens = tokensOf((await response.json()) as Login);
    // A sign-in or sign-out that started later takes precedence.
    if (epoch === this.#epoch) await this.#saveTokens(tokens);
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
      this.#startEpoch();
      await this.#saveTokens(undefined);
    }
  }

  /** Sends a request with the credentials of the session, unless it has an `Authorization` header. */
  async send(request: Request): Promise<Response> {
    await this.ready();
    if (request.headers.has("Authorization")) return this.#fetch(request);
    if (this.#options.token !== undefined) return this.#fetch(authorize(request, this.#options.token));
    const errorResponse = await this.#ensureToken();
    if (errorResponse !== undefined) return errorResponse;
    const token = this.#tokens?.accessToken;
    if (token === undefined) return this.#fetch(request);
    const retry = request.clone();
    const response = await this.#fetch(authorize(request, token));
    if (response.status !== 401 || (await problemOf(response.clone())).code !== "invalid-token") return response;
    if ((await this.#refresh(token)) !== undefined || this.#tokens === undefined) return response;
    return this.#fetch(authorize(retry, this.#tokens.accessToken));
  }

  /** Refreshes an access token that expires soon. Returns the error response if no valid token is available. */
  async #ensureToken(): Promise<Response | undefined> {
    const tokens = this.#tokens;
    if (tokens === undefined) return this.#options.credentials && this.#refresh(undefined);
    const remaining = tokens.expiresAt - Date.now();
    if (remaining > this.#refreshMargin) return undefined;
    try {
      const errorResponse = await this.#refresh(tokens.accessToken);
      // A failed refresh is not an error while the current token is valid.
      return remaining > 0 && this.#tokens !== undefined ? undefined : errorResponse;
    } catch (error) {
      if (remaining > 0) return undefined;
      throw error;
    }
  }

  /**
   * Replaces `usedToken`, unless another call has already replaced it. Concurrent calls share one refresh, because a
   * refresh token is valid only once.
   */
  async #refresh(usedToken: string | undefined): Promise<Response | undefined> {
    if (this.#tokens?.accessToken !== usedToken) return undefined;
    this.#refreshing ??= this.#requestTokens().finally(() => (this.#refreshing = undefined));
    return (await this.#refreshing)?.clone();
  }

  /** Obtains tokens from the store, by refresh or by sign-in. Returns the error response on failure. */
  async #requestTokens(): Promise<Response | undefined> {
    const epoch = this.#epoch;
    if (await this.#reloadFromStore()) return undefined;
    const { credentials } = this.#options;
    let response: Response | undefined;
    if (this.#tokens !== undefined) {
      response = await this.#postRefresh(this.#tokens.refreshToken);
      if (response.status === 401 && epoch === this.#epoch) await this.#saveTokens(undefined);
    }
    if (credentials && (response === undefined || response.status === 401)) {
      response = await this.#post("/api/auth/login", credentials);
    }
    if (!response?.ok) return response;
    const tokens = tokensOf((await response.json()) as Login);
    if (epoch === this.#epoch) await this.#saveTokens(tokens);
    return undefined;
  }

  /** Returns whether the store has valid tokens that another page or process has refreshed. */
  async #reloadFromStore(): Promise<boolean> {
    const stored = await this.#options.store?.load();
    if (stored === undefined || stored.refreshToken === this.#tokens?.refreshToken) return false;
    this.#setTokens(stored);
    return stored.expiresAt - Date.now() > this.#refreshMargin;
  }

  /**
   * Sends the refresh request, and sends it again after a network error: for ten seconds, the service returns the same
   * response to the same refresh token.
   */
  async #postRefresh(refreshToken: string): Promise<Response> {
    try {
      return await this.#post("/api/auth/refresh", { refreshToken });
    } catch {
      return this.#post("/api/auth/refresh", { refreshToken });
    }
  }

  #post(path: string, body: Credentials | components["schemas"]["Refresh"]): Promise<Response> {
    const headers = { "Content-Type": "application/json" };
    return this.#fetch(new Request(this.#baseUrl + path, { method: "POST", headers, body: JSON.stringify(body) }));
  }

  async #load(): Promise<void> {
    const stored = await this.#options.store?.load();
    if (stored !== undefined) this.#setTokens(stored);
  }

  async #saveTokens(tokens: Tokens | undefined): Promise<void> {
    this.#setTokens(tokens);
    await this.#options.store?.save(tokens);
  }

  #setTokens(tokens: Tokens | undefined): void {
    if (this.#tokens !== undefined && this.#tokens.user.id !== tokens?.user.id) this.#startEpoch();
    this.#tokens = tokens;
    if (tokens !== undefined) this.#refreshMargin = Math.min(REFRESH_MARGIN_MS, (tokens.expiresAt - Date.now()) / 2);
  }

  #startEpoch(): void {
    this.#epoch++;
    this.#onUserChange();
  }
}

function tokensOf({ accessToken, refreshToken, expiresIn, user }: Login): Tokens {
  return { accessToken, refreshToken, expiresAt: Date.now() + expiresIn * 1000, user };
}

function authorize(request: Request, token: string): Request {
  request.headers.set("Authorization", `Bearer ${token}`);
  return request;
}

async function problemOf(response: Response) {
  return problemFrom(await response.json().catch(() => undefined), response);
}
