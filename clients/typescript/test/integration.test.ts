import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isProblem, TenonProblem, type Tenon, type Tokens, type TokenStore } from "@tenon/client";
import { ADMIN, startService, type SentRequest, type Service } from "./service.js";

let service: Service;
let admin: Tenon;
let sent: SentRequest[];

before(async () => {
  service = await startService();
  ({ tenon: admin, sent } = service.client());
  await admin.signIn(ADMIN.email, ADMIN.password);
});
after(() => service.stop());

const lastRequest = () => sent.at(-1) as SentRequest;
const post = (title: string) => ({ title, content: "Cut the tenon to the mortise.", published: true });
const create = (title: string) => admin.unwrap(admin.POST("/api/posts", { body: post(title) }));
/** Creates an admin with a random e-mail address, because sign-ins to one account are rate limited. */
async function createAdmin() {
  const email = `${crypto.randomUUID()}@acme.test`;
  const password = "another long passphrase";
  await admin.unwrap(admin.POST("/api/users", { body: { email, password, name: "Bea Joiner", role: "admin" } }));
  return { email, password };
}
const byId = ({ id }: { id: string }) => ({ params: { path: { id } } });
const byKey = (post: string) => ({ params: { path: { post } } });

/** Creates a token store with the session of a new admin. */
async function storeWithSession(): Promise<TokenStore & { tokens: Tokens | undefined }> {
  const store = {
    tokens: undefined as Tokens | undefined,
    load() {
      return this.tokens && { ...this.tokens };
    },
    save(tokens: Tokens | undefined) {
      this.tokens = tokens;
    },
  };
  const { email, password } = await createAdmin();
  await service.client({ store }).tenon.signIn(email, password);
  return store;
}

describe("session", () => {
  test("signs in, exposes the user, and signs out", async () => {
    const { tenon, sent } = service.client();
    const { email, password } = await createAdmin();
    assert.equal((await tenon.GET("/api/me")).response.status, 401);
    const user = await tenon.signIn(email, password);
    assert.deepEqual(tenon.user, user);
    assert.equal((await tenon.unwrap(tenon.GET("/api/me"))).email, email);
    const token = sent.at(-1)?.headers.get("Authorization") ?? "";
    await tenon.signOut();
    assert.equal(tenon.user, undefined);
    assert.equal((await tenon.GET("/api/me")).error?.code, "unauthenticated");
    const { error } = await tenon.GET("/api/me", { headers: { Authorization: token } });
    assert.equal(error?.code, "invalid-token");
  });

  test("rejects a wrong password with a problem", async () => {
    const { tenon } = service.client();
    const signIn = tenon.signIn(ADMIN.email, "not the password");
    await assert.rejects(signIn, (error) => isProblem(error, "invalid-credentials"));
  });

  test("refreshes a rejected token once for concurrent requests and retries them", async () => {
    const store = await storeWithSession();
    const first = store.tokens as Tokens;
    store.tokens = { ...first, accessToken: `${first.accessToken.slice(0, -8)}AAAAAAAA` };
    const { tenon, sent } = service.client({ store });
    const users = await Promise.all(Array.from({ length: 5 }, () => tenon.unwrap(tenon.GET("/api/me"))));
    assert.ok(users.every(({ id }) => id === first.user.id));
    assert.equal(sent.filter(({ line }) => line === "POST /api/auth/refresh").length, 1);
    assert.notEqual(store.tokens.refreshToken, first.refreshToken);
    assert.equal(tenon.user?.id, first.user.id);
  });

  test("refreshes a token before it expires and sends the body once", async () => {
    const store = await storeWithSession();
    store.tokens = { ...(store.tokens as Tokens), expiresAt: Date.now() - 1 };
    const { tenon, sent } = service.client({ store });
    await tenon.unwrap(tenon.POST("/api/posts", { body: post("Refreshed") }));
    assert.deepEqual(sent.map(({ line }) => line), ["POST /api/auth/refresh", "POST /api/posts"]);
  });

  test("clients with the same store share a session", async () => {
    const store = await storeWithSession();
    const { tenon: one } = service.client({ store });
    const { tenon: other } = service.client({ store });
    await other.GET("/api/me");
    store.tokens = { ...(store.tokens as Tokens), expiresAt: Date.now() - 1 };
    const { tenon: third } = service.client({ store });
    await third.unwrap(third.GET("/api/me"));
    assert.ok((await other.GET("/api/me")).response.ok);
    await one.signOut();
    assert.equal(store.tokens, undefined);
  });

  test("reports a session that another client ended and clears the store", async () => {
    const store = await storeWithSession();
    const { tenon } = service.client({ store });
    const { tenon: otherClient } = service.client({ store: { load: () => store.tokens, save: () => {} } });
    await tenon.unwrap(tenon.GET("/api/me"));
    await otherClient.signOut();
    await assert.rejects(tenon.unwrap(tenon.GET("/api/me")), (error) => isProblem(error, "invalid-token"));
    assert.equal(store.tokens, undefined);
    assert.equal(tenon.user, undefined);
  });

  test("signs in with credentials on the first request", async () => {
    const { tenon, sent } = service.client({ credentials: await createAdmin() });
    await Promise.all([tenon.unwrap(tenon.GET("/api/me")), tenon.unwrap(tenon.GET("/api/me"))]);
    assert.equal(sent.filter(({ line }) => line === "POST /api/auth/login").length, 1);
  });

  test("limits an API key to its scopes", async () => {
    const body = { name: "Site", scopes: ["posts:read" as const] };
    const { key } = await admin.unwrap(admin.POST("/api/api-keys", { body }));
    const { tenon } = service.client({ apiKey: key });
    assert.ok((await tenon.GET("/api/posts")).response.ok);
    const { error } = await tenon.POST("/api/posts", { body: post("Not allowed") });
    assert.equal(error?.code, "insufficient-scope");
  });
});

describe("response cache", () => {
  test("returns an unchanged response from the cache", async () => {
    const { id } = await create("Cached");
    const first = await admin.GET("/api/posts/{post}", byKey(id));
    const second = await admin.GET("/api/posts/{post}", byKey(id));
    assert.equal(second.response.status, 304);
    assert.ok(second.response.ok);
    assert.deepEqual(second.data, first.data);
    assert.equal(second.response.headers.get("Content-Type"), first.response.headers.get("Content-Type"));
  });

  test("caches lists and compressed responses", async () => {
    const content = "Cut the tenon to the mortise. ".repeat(100);
    const { id } = await admin.unwrap(admin.POST("/api/posts", { body: { ...post("Long"), content } }));
    const read = await admin.GET("/api/posts/{post}", byKey(id));
    assert.match(read.response.headers.get("ETag") ?? "", /~(gzip|br|zstd)"$/);
    assert.equal((await admin.GET("/api/posts/{post}", byKey(id))).response.status, 304);
    await admin.unwrap(admin.PATCH("/api/posts/{post}", { ...byKey(id), body: { title: "Longer" } }));
    assert.match(lastRequest().headers.get("If-Match") ?? "", /~(gzip|br|zstd)"$/);
    await admin.GET("/api/posts");
    const list = await admin.GET("/api/posts");
    assert.equal(list.response.status, 304);
    assert.equal(list.data?.data[0]?.title, "Longer");
  });

  test("does not share cached responses between users", async () => {
    const { tenon, sent } = service.client({ store: await storeWithSession() });
    await tenon.GET("/api/posts");
    await tenon.signOut();
    assert.equal((await tenon.GET("/api/posts")).response.status, 200);
    assert.equal(sent.at(-1)?.headers.get("If-None-Match"), null);
  });

  test("rejects a stale write, and accepts it after the current version was read", async () => {
    const { id } = await create("Contested");
    const { tenon: other } = service.client({ credentials: await createAdmin() });
    await other.unwrap(other.PATCH("/api/posts/{post}", { ...byKey(id), body: { title: "Theirs" } }));
    const mine = { ...byKey(id), body: { title: "Mine" } };
    const error = await admin.unwrap(admin.PATCH("/api/posts/{post}", mine)).catch((error: unknown) => error);
    assert.ok(isProblem(error, "precondition-failed"));
    assert.ok(error.currentEtag);
    assert.equal((await admin.unwrap(admin.GET("/api/posts/{post}", byKey(id)))).title, "Theirs");
    assert.equal((await admin.unwrap(admin.PATCH("/api/posts/{post}", mine))).title, "Mine");
    assert.ok(lastRequest().headers.get("If-Match"));
  });

  test("If-Match: * overwrites any version", async () => {
    const { id } = await create("Overwritten");
    const { tenon: other } = service.client({ credentials: await createAdmin() });
    await other.unwrap(other.PATCH("/api/posts/{post}", { ...byKey(id), body: { title: "Theirs" } }));
    const params = { path: { post: id }, header: { "If-Match": "*" } };
    const { title } = await admin.unwrap(admin.PATCH("/api/posts/{post}", { params, body: { title: "Mine" } }));
    assert.equal(title, "Mine");
  });

  test("sends If-Match in consecutive writes, with and without a response body", async () => {
    const { id } = await create("Consecutive");
    const params = { path: { post: id }, header: { Prefer: "return=minimal" as const } };
    assert.equal(await admin.unwrap(admin.PATCH("/api/posts/{post}", { params, body: { title: "Two" } })), undefined);
    await admin.unwrap(admin.PUT("/api/posts/{post}", { ...byKey(id), body: post("Three") }));
    assert.ok(lastRequest().headers.get("If-Match"));
    assert.equal((await admin.unwrap(admin.GET("/api/posts/{post}", byKey(id)))).title, "Three");
    await admin.unwrap(admin.DELETE("/api/posts/{post}", byKey(id)));
    assert.ok(lastRequest().headers.get("If-Match"));
    assert.equal((await admin.GET("/api/posts/{post}", byKey(id))).error?.code, "not-found");
    assert.equal(lastRequest().headers.get("If-None-Match"), null);
  });

  test("sends If-Match after a read by slug", async () => {
    const { slug } = await create("By its slug");
    const { tenon, sent } = service.client({ credentials: await createAdmin() });
    const { id } = await tenon.unwrap(tenon.GET("/api/posts/{post}", byKey(slug)));
    await tenon.unwrap(tenon.PATCH("/api/posts/{post}", { ...byKey(id), body: { excerpt: "Short" } }));
    assert.ok(sent.at(-1)?.headers.get("If-Match"));
  });
});

describe("retries", () => {
  test("a retried create has one effect", async () => {
    let failures = 1;
    const { tenon, sent } = service.client({
      credentials: await createAdmin(),
      retry: { initialDelay: 1 },
      fetch: async (request) => {
        const response = await globalThis.fetch(request);
        if (request.url.endsWith("/api/posts") && failures-- > 0) throw new TypeError("connection lost");
        return response;
      },
    });
    const { data, response } = await tenon.POST("/api/posts", { body: post("Only once") });
    assert.equal(response.headers.get("Idempotent-Replayed"), "true");
    const list = await tenon.unwrap(tenon.GET("/api/posts", { params: { query: { q: "Only once" } } }));
    assert.deepEqual(list.data.map(({ id }) => id), [data?.id]);
    assert.equal(sent.filter(({ line }) => line === "POST /api/posts").length, 1);
  });
});

describe("pagination", () => {
  test("yields every item once, in order, with filters", async () => {
    const titles = ["P1", "P2", "P3", "P4", "P5", "P6", "P7"];
    for (const title of titles) {
      await admin.unwrap(admin.POST("/api/posts", { body: { ...post(title), tags: ["Paged"] } }));
    }
    const query = { tag: ["paged"], limit: 3, sort: "title" };
    const sentBefore = sent.length;
    const seen: string[] = [];
    for await (const { title } of admin.paginate("/api/posts", { params: { query } })) seen.push(title);
    assert.deepEqual(seen, titles);
    assert.equal(sent.length - sentBefore, 3);
    for await (const tag of admin.paginate("/api/tags")) assert.ok(tag.slug);
    for await (const { title } of admin.paginate("/api/posts", { params: { query } })) {
      assert.equal(title, "P1");
      break;
    }
  });

  test("throws the problem of a rejected page", async () => {
    const list = admin.paginate("/api/posts", { params: { query: { sort: "nothing" } } });
    await assert.rejects(list.next(), (error) => isProblem(error, "validation-failed"));
  });
});

describe("problems", () => {
  test("reports every violation with its pointer", async () => {
    const body = { title: "", content: "short" };
    const error = await admin.unwrap(admin.POST("/api/posts", { body })).catch((error: unknown) => error);
    assert.ok(error instanceof TenonProblem && isProblem(error, "validation-failed"));
    assert.equal(error.status, 400);
    assert.deepEqual(error.errors.map(({ pointer }) => pointer), ["#/content", "#/title", "#/title"]);
    assert.equal(error.trace, error.response.headers.get("X-Request-Id"));
  });
});

describe("other resources", () => {
  test("documents with nested paths", async () => {
    const params = { path: { path: "guides/joints/tenon" } };
    const body = { title: "Tenon", content: "# Tenon" };
    const created = await admin.unwrap(admin.PUT("/api/docs/{path}", { params, body }));
    assert.equal(created.path, "guides/joints/tenon");
    assert.equal((await admin.unwrap(admin.GET("/api/docs/{path}", { params }))).title, "Tenon");
    await admin.unwrap(admin.DELETE("/api/docs/{path}", { params }));
    assert.ok(lastRequest().headers.get("If-Match"));
  });

  test("comments, tags, authors and users", async () => {
    const { id } = await create("Discussed");
    const comment = await admin.unwrap(
      admin.POST("/api/posts/{post}/comments", { ...byKey(id), body: { content: "Fits." } }),
    );
    const approved = await admin.unwrap(
      admin.PATCH("/api/comments/{id}", { ...byId(comment), body: { status: "approved" } }),
    );
    assert.equal(approved.status, "approved");
    const listed = await admin.unwrap(admin.GET("/api/posts/{post}/comments", byKey(id)));
    assert.equal(listed.data.length, 1);

    const params = { path: { slug: "joinery" }, header: { "If-None-Match": "*" } };
    const tag = { params, body: { name: "Joinery" } };
    assert.equal((await admin.unwrap(admin.PUT("/api/tags/{slug}", tag))).name, "Joinery");
    assert.equal((await admin.PUT("/api/tags/{slug}", tag)).error?.code, "precondition-failed");

    const body = { email: "bea@acme.test", name: "Bea Joiner", password: "another long passphrase" };
    const user = await admin.unwrap(admin.POST("/api/users", { body }));
    const promoted = await admin.unwrap(admin.PATCH("/api/users/{id}", { ...byId(user), body: { role: "author" } }));
    assert.equal(promoted.role, "author");
    const author = await admin.unwrap(admin.GET("/api/authors/{id}", byId(admin.user as { id: string })));
    assert.equal(author.name, "Ada Turner");
  });
});
