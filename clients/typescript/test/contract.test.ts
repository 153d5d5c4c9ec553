import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { isProblem, TenonProblem, type Store, type Tenon, type Tokens } from "@tenon/client";
import { ADMIN, startService, type Sent, type Service } from "./service.js";

let service: Service;
let admin: Tenon;
let sent: Sent[];

before(async () => {
  service = await startService();
  ({ tenon: admin, sent } = service.client());
  await admin.signIn(ADMIN.email, ADMIN.password);
});
after(() => service.stop());

const last = () => sent.at(-1) as Sent;
const post = (title: string) => ({ title, content: "Cut the tenon to the mortise.", published: true });
const create = (title: string) => admin.unwrap(admin.POST("/api/posts", { body: post(title) }));
/** A new admin, because one account may not sign in often. */
async function person() {
  const email = `${crypto.randomUUID()}@acme.test`;
  const password = "another long passphrase";
  await admin.unwrap(admin.POST("/api/users", { body: { email, password, name: "Bea Joiner", role: "admin" } }));
  return { email, password };
}
const at = ({ id }: { id: string }) => ({ params: { path: { id } } });

/** A store that keeps somebody's session. */
async function shelf(): Promise<Store & { tokens: Tokens | undefined }> {
  const store = {
    tokens: undefined as Tokens | undefined,
    load() {
      return this.tokens && { ...this.tokens };
    },
    save(tokens: Tokens | undefined) {
      this.tokens = tokens;
    },
  };
  const { email, password } = await person();
  await service.client({ store }).tenon.signIn(email, password);
  return store;
}

describe("the session", () => {
  test("signs in, says who it is, and signs out", async () => {
    const { tenon, sent } = service.client();
    const { email, password } = await person();
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

  test("a wrong password is a problem", async () => {
    const { tenon } = service.client();
    await assert.rejects(tenon.signIn(ADMIN.email, "not this one"), (error) => isProblem(error, "invalid-credentials"));
  });

  test("a refused token is renewed once for all requests, and they are repeated", async () => {
    const store = await shelf();
    const first = store.tokens as Tokens;
    store.tokens = { ...first, accessToken: `${first.accessToken.slice(0, -8)}AAAAAAAA` };
    const { tenon, sent } = service.client({ store });
    const answers = await Promise.all(Array.from({ length: 5 }, () => tenon.unwrap(tenon.GET("/api/me"))));
    assert.ok(answers.every(({ id }) => id === first.user.id));
    assert.equal(sent.filter(({ line }) => line === "POST /api/auth/refresh").length, 1);
    assert.notEqual(store.tokens.refreshToken, first.refreshToken);
    assert.equal(tenon.user?.id, first.user.id);
  });

  test("a token is renewed before it expires, with a body that is sent once", async () => {
    const store = await shelf();
    store.tokens = { ...(store.tokens as Tokens), expiresAt: Date.now() - 1 };
    const { tenon, sent } = service.client({ store });
    await tenon.unwrap(tenon.POST("/api/posts", { body: post("Renewed") }));
    assert.deepEqual(sent.map(({ line }) => line), ["POST /api/auth/refresh", "POST /api/posts"]);
  });

  test("clients that share a store share the session", async () => {
    const store = await shelf();
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

  test("a session that ended elsewhere is told, and the store emptied", async () => {
    const store = await shelf();
    const { tenon } = service.client({ store });
    const { tenon: elsewhere } = service.client({ store: { load: () => store.tokens, save: () => {} } });
    await tenon.unwrap(tenon.GET("/api/me"));
    await elsewhere.signOut();
    await assert.rejects(tenon.unwrap(tenon.GET("/api/me")), (error) => isProblem(error, "invalid-token"));
    assert.equal(store.tokens, undefined);
    assert.equal(tenon.user, undefined);
  });

  test("credentials sign in when first needed", async () => {
    const { tenon, sent } = service.client({ credentials: await person() });
    await Promise.all([tenon.unwrap(tenon.GET("/api/me")), tenon.unwrap(tenon.GET("/api/me"))]);
    assert.equal(sent.filter(({ line }) => line === "POST /api/auth/login").length, 1);
  });

  test("an API key does what its scopes allow", async () => {
    const body = { name: "Site", scopes: ["posts:read" as const] };
    const { key } = await admin.unwrap(admin.POST("/api/api-keys", { body }));
    const { tenon } = service.client({ apiKey: key });
    assert.ok((await tenon.GET("/api/posts")).response.ok);
    const { error } = await tenon.POST("/api/posts", { body: post("Not allowed") });
    assert.equal(error?.code, "insufficient-scope");
  });
});

describe("the memory", () => {
  test("an unchanged answer comes from memory", async () => {
    const { id } = await create("Remembered");
    const first = await admin.GET("/api/posts/{id}", at({ id }));
    const second = await admin.GET("/api/posts/{id}", at({ id }));
    assert.equal(second.response.status, 304);
    assert.ok(second.response.ok);
    assert.deepEqual(second.data, first.data);
    assert.equal(second.response.headers.get("Content-Type"), first.response.headers.get("Content-Type"));
  });

  test("lists as well, coded ones too", async () => {
    const content = "Cut the tenon to the mortise. ".repeat(100);
    const { id } = await admin.unwrap(admin.POST("/api/posts", { body: { ...post("Long"), content } }));
    const read = await admin.GET("/api/posts/{id}", at({ id }));
    assert.match(read.response.headers.get("ETag") ?? "", /~(gzip|br|zstd)"$/);
    assert.equal((await admin.GET("/api/posts/{id}", at({ id }))).response.status, 304);
    await admin.unwrap(admin.PATCH("/api/posts/{id}", { ...at({ id }), body: { title: "Longer" } }));
    assert.match(last().headers.get("If-Match") ?? "", /~(gzip|br|zstd)"$/);
    await admin.GET("/api/posts");
    const list = await admin.GET("/api/posts");
    assert.equal(list.response.status, 304);
    assert.equal(list.data?.data[0]?.title, "Longer");
  });

  test("nobody is answered from another's memory", async () => {
    const { tenon, sent } = service.client({ store: await shelf() });
    await tenon.GET("/api/posts");
    await tenon.signOut();
    assert.equal((await tenon.GET("/api/posts")).response.status, 200);
    assert.equal(sent.at(-1)?.headers.get("If-None-Match"), null);
  });

  test("a stale write is refused, and goes through once the newer version was read", async () => {
    const { id } = await create("Contested");
    const { tenon: other } = service.client({ credentials: await person() });
    await other.unwrap(other.PATCH("/api/posts/{id}", { ...at({ id }), body: { title: "Theirs" } }));
    const mine = { ...at({ id }), body: { title: "Mine" } };
    const error = await admin.unwrap(admin.PATCH("/api/posts/{id}", mine)).catch((error: unknown) => error);
    assert.ok(isProblem(error, "precondition-failed"));
    assert.ok(error.currentEtag);
    assert.equal((await admin.unwrap(admin.GET("/api/posts/{id}", at({ id })))).title, "Theirs");
    assert.equal((await admin.unwrap(admin.PATCH("/api/posts/{id}", mine))).title, "Mine");
    assert.ok(last().headers.get("If-Match"));
  });

  test("a write can insist", async () => {
    const { id } = await create("Insisted");
    const { tenon: other } = service.client({ credentials: await person() });
    await other.unwrap(other.PATCH("/api/posts/{id}", { ...at({ id }), body: { title: "Theirs" } }));
    const params = { path: { id }, header: { "If-Match": "*" } };
    const { title } = await admin.unwrap(admin.PATCH("/api/posts/{id}", { params, body: { title: "Mine" } }));
    assert.equal(title, "Mine");
  });

  test("writes follow each other, with and without a body in the answer", async () => {
    const { id } = await create("Followed");
    const params = { path: { id }, header: { Prefer: "return=minimal" as const } };
    assert.equal(await admin.unwrap(admin.PATCH("/api/posts/{id}", { params, body: { title: "Two" } })), undefined);
    await admin.unwrap(admin.PUT("/api/posts/{id}", { ...at({ id }), body: post("Three") }));
    assert.ok(last().headers.get("If-Match"));
    assert.equal((await admin.unwrap(admin.GET("/api/posts/{id}", at({ id })))).title, "Three");
    await admin.unwrap(admin.DELETE("/api/posts/{id}", at({ id })));
    assert.ok(last().headers.get("If-Match"));
    assert.equal((await admin.GET("/api/posts/{id}", at({ id }))).error?.code, "not-found");
    assert.equal(last().headers.get("If-None-Match"), null);
  });

  test("a post that was read by its slug is guarded as well", async () => {
    const { slug } = await create("By its slug");
    const { tenon, sent } = service.client({ credentials: await person() });
    const { id } = await tenon.unwrap(tenon.GET("/api/posts/slug/{slug}", { params: { path: { slug } } }));
    await tenon.unwrap(tenon.PATCH("/api/posts/{id}", { ...at({ id }), body: { excerpt: "Short" } }));
    assert.ok(sent.at(-1)?.headers.get("If-Match"));
  });
});

describe("repeating", () => {
  test("a create whose answer was lost is made once", async () => {
    let losses = 1;
    const { tenon, sent } = service.client({
      credentials: await person(),
      retry: { firstDelay: 1 },
      fetch: async (request) => {
        const response = await globalThis.fetch(request);
        if (request.url.endsWith("/api/posts") && losses-- > 0) throw new TypeError("connection lost");
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

describe("lists", () => {
  test("each gives every entry once, in order, under the filters", async () => {
    const titles = ["P1", "P2", "P3", "P4", "P5", "P6", "P7"];
    for (const title of titles) {
      await admin.unwrap(admin.POST("/api/posts", { body: { ...post(title), tags: ["Paged"] } }));
    }
    const query = { tag: ["paged"], limit: 3, sort: "title" };
    const before = sent.length;
    const seen: string[] = [];
    for await (const { title } of admin.each("/api/posts", { params: { query } })) seen.push(title);
    assert.deepEqual(seen, titles);
    assert.equal(sent.length - before, 3);
    for await (const tag of admin.each("/api/tags")) assert.ok(tag.slug);
    for await (const { title } of admin.each("/api/posts", { params: { query } })) {
      assert.equal(title, "P1");
      break;
    }
  });

  test("each throws what a page was refused with", async () => {
    const list = admin.each("/api/posts", { params: { query: { sort: "nothing" } } });
    await assert.rejects(list.next(), (error) => isProblem(error, "validation-failed"));
  });
});

describe("problems", () => {
  test("every violation is named, with its place", async () => {
    const body = { title: "", content: "short" };
    const error = await admin.unwrap(admin.POST("/api/posts", { body })).catch((error: unknown) => error);
    assert.ok(error instanceof TenonProblem && isProblem(error, "validation-failed"));
    assert.equal(error.status, 400);
    assert.deepEqual(error.errors.map(({ pointer }) => pointer), ["#/content", "#/title", "#/title"]);
    assert.equal(error.trace, error.response.headers.get("X-Request-Id"));
  });
});

describe("the other resources", () => {
  test("documents, however deep", async () => {
    const params = { path: { path: "guides/joints/tenon" } };
    const body = { title: "Tenon", content: "# Tenon" };
    const made = await admin.unwrap(admin.PUT("/api/docs/{path}", { params, body }));
    assert.equal(made.path, "guides/joints/tenon");
    assert.equal((await admin.unwrap(admin.GET("/api/docs/{path}", { params }))).title, "Tenon");
    await admin.unwrap(admin.DELETE("/api/docs/{path}", { params }));
    assert.ok(last().headers.get("If-Match"));
  });

  test("comments, tags, authors and accounts", async () => {
    const { id } = await create("Discussed");
    const comment = await admin.unwrap(admin.POST("/api/posts/{id}/comments", { ...at({ id }), body: { content: "Fits." } }));
    const approved = await admin.unwrap(
      admin.PATCH("/api/comments/{id}", { ...at(comment), body: { status: "approved" } }),
    );
    assert.equal(approved.status, "approved");
    const listed = await admin.unwrap(admin.GET("/api/posts/{id}/comments", at({ id })));
    assert.equal(listed.data.length, 1);

    const params = { path: { slug: "joinery" }, header: { "If-None-Match": "*" } };
    const tag = { params, body: { name: "Joinery" } };
    assert.equal((await admin.unwrap(admin.PUT("/api/tags/{slug}", tag))).name, "Joinery");
    assert.equal((await admin.PUT("/api/tags/{slug}", tag)).error?.code, "precondition-failed");

    const body = { email: "bea@acme.test", name: "Bea Joiner", password: "another long passphrase" };
    const user = await admin.unwrap(admin.POST("/api/users", { body }));
    const promoted = await admin.unwrap(admin.PATCH("/api/users/{id}", { ...at(user), body: { role: "author" } }));
    assert.equal(promoted.role, "author");
    const author = await admin.unwrap(admin.GET("/api/authors/{id}", at(admin.user as { id: string })));
    assert.equal(author.name, "Ada Turner");
  });
});
