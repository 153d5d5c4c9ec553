// A hand-written service with the read, write, export and event operations that the benchmark compares.
//
//   node server.mjs copy TENON.db OWN.db    copies the rows of a Tenon database into its own schema
//   node server.mjs serve OWN.db PORT TOKEN
import { createHash, randomUUID, timingSafeEqual } from "node:crypto";
import { Readable } from "node:stream";
import Database from "better-sqlite3";
import Fastify from "fastify";

const SCHEMA = `
  CREATE TABLE authors (id TEXT PRIMARY KEY, name TEXT NOT NULL);
  CREATE TABLE posts (
    id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, title TEXT NOT NULL, excerpt TEXT,
    author_id TEXT NOT NULL REFERENCES authors, published_at INTEGER NOT NULL, comments_count INTEGER NOT NULL,
    version INTEGER NOT NULL, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, content TEXT NOT NULL);
  CREATE TABLE tags (id TEXT PRIMARY KEY, slug TEXT NOT NULL UNIQUE, name TEXT NOT NULL);
  CREATE TABLE post_tags (
    post_id TEXT NOT NULL REFERENCES posts, tag_id TEXT NOT NULL REFERENCES tags, position INTEGER NOT NULL,
    PRIMARY KEY (post_id, tag_id)) WITHOUT ROWID;
  CREATE TABLE comments (
    id TEXT PRIMARY KEY, post_id TEXT NOT NULL REFERENCES posts, author_id TEXT NOT NULL REFERENCES authors,
    content TEXT NOT NULL, created_at INTEGER NOT NULL);
  CREATE TABLE customers (id TEXT PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE);
  CREATE TABLE invoices (
    id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, customer_id TEXT NOT NULL REFERENCES customers,
    amount INTEGER NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL, date TEXT NOT NULL)`;

const INDEXES = `
  CREATE INDEX posts_by_time ON posts (published_at, id);
  CREATE INDEX posts_by_tag ON post_tags (tag_id, post_id);
  CREATE INDEX comments_by_post ON comments (post_id, created_at, id);
  CREATE INDEX invoices_by_date ON invoices (date, id);
  ANALYZE`;

// The columns of each table, in both databases. Tenon stores ids as 16 bytes; here they are the text of the API.
const COPIED = {
  authors: ["users", ["id"], "name"],
  posts: [
    "posts",
    ["id", "author_id"],
    "slug, title, excerpt, content, published_at, comments_count, version, created_at, updated_at",
  ],
  tags: ["tags", ["id"], "slug, name"],
  post_tags: ["post_tags", ["post_id", "tag_id"], "position"],
  comments: ["comments", ["id", "post_id", "author_id"], "content, created_at"],
  customers: ["customers", ["id"], "name, email"],
  invoices: ["invoices", ["id", "customer_id"], "number, amount, currency, status, date"],
};

function text(id) {
  if (typeof id === "string") return id;
  return id.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

function open(path) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  // A response to a write means that the row is on disk, as in Tenon.
  db.pragma("synchronous = FULL");
  db.pragma("mmap_size = 1073741824");
  db.pragma("cache_size = -65536");
  return db;
}

function copy(from, to) {
  const db = open(to);
  db.exec(SCHEMA);
  db.function("uuid", { deterministic: true }, text);
  db.prepare("ATTACH ? AS source").run(from);
  db.transaction(() => {
    for (const [table, [source, ids, columns]] of Object.entries(COPIED)) {
      const values = ids.map((id) => `uuid(${id})`);
      db.exec(`INSERT INTO ${table} (${ids}, ${columns}) SELECT ${values}, ${columns} FROM source.${source}`);
    }
    db.exec(INDEXES);
  })();
  db.close();
}

const string = { type: "string" };
const integer = { type: "integer" };
const author = { type: "object", properties: { id: string, name: string } };
const tags = { type: "array", items: { type: "object", properties: { slug: string, name: string } } };
const listed = {
  id: string, slug: string, title: string, author, tags, published: { type: "boolean" }, publishedAt: string,
  commentsCount: integer, createdAt: string, updatedAt: string, excerpt: { type: "string", nullable: true },
};
const schemas = {
  post: { type: "object", properties: { ...listed, content: string } },
  page: {
    type: "object",
    properties: {
      data: { type: "array", items: { type: "object", properties: listed } },
      pagination: {
        type: "object",
        properties: { page: integer, limit: integer, total: integer, pages: integer, nextCursor: string },
      },
    },
  },
  listQuery: {
    type: "object",
    additionalProperties: false,
    properties: {
      page: { type: "integer", minimum: 1, default: 1 },
      limit: { type: "integer", minimum: 1, maximum: 50, default: 10 },
      after: string,
      tag: string,
      count: { enum: ["exact", "none"] },
    },
  },
  commentInput: {
    type: "object",
    required: ["content"],
    additionalProperties: false,
    properties: { content: { type: "string", minLength: 1, maxLength: 5000 } },
  },
  comment: {
    type: "object",
    properties: { id: string, postId: string, author, content: string, createdAt: string },
  },
  patch: {
    type: "object",
    additionalProperties: false,
    properties: {
      title: { type: "string", minLength: 1, maxLength: 200 },
      content: { type: "string", minLength: 10, maxLength: 200000 },
    },
  },
  tag: {
    type: "object",
    required: ["name"],
    additionalProperties: false,
    properties: { name: { type: "string", minLength: 1, maxLength: 50 } },
  },
};

// The value of one unit of each currency in US cents.
const RATES = { USD: 1, EUR: 1 / 0.86, GBP: 1 / 0.75, JPY: 100 / 150 };
const COLUMNS = "id,number,date,status,amount,currency,customerId,customer.name,customer.email,"
  + "original.amount,original.currency,original.rate\r\n";
const CHUNK = 64 * 1024;

function quote(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function serve(path, port, token) {
  const db = open(path);
  // Tags as JSON in the same statement: a third of the time of a statement per post.
  const list = `p.id, p.slug, p.title, p.excerpt, p.author_id, a.name, p.published_at, p.comments_count, p.created_at,
    p.updated_at, (SELECT json_group_array(json_object('slug', slug, 'name', name)) FROM (
      SELECT t.slug, t.name FROM post_tags pt JOIN tags t ON t.id = pt.tag_id WHERE pt.post_id = p.id
      ORDER BY pt.position)) AS tags`;
  const posts = "posts p JOIN authors a ON a.id = p.author_id";
  const order = "ORDER BY p.published_at DESC, p.id DESC";
  // Selects the ids of the page first, so that the tags of other posts are not read.
  const tagged = (condition) => `SELECT ${list}
    FROM (SELECT p.id FROM post_tags t JOIN posts p ON p.id = t.post_id WHERE t.tag_id = ? ${condition}) page
    JOIN posts p ON p.id = page.id JOIN authors a ON a.id = p.author_id ${order}`;
  const sql = {
    page: db.prepare(`SELECT ${list} FROM ${posts} ${order} LIMIT ? OFFSET ?`),
    after: db.prepare(`SELECT ${list} FROM ${posts} WHERE (p.published_at, p.id) < (?, ?) ${order} LIMIT ?`),
    pageOfTag: db.prepare(tagged(`${order} LIMIT ? OFFSET ?`)),
    afterOfTag: db.prepare(tagged(`AND (p.published_at, p.id) < (?, ?) ${order} LIMIT ?`)),
    count: db.prepare("SELECT count(*) FROM posts").pluck(),
    countOfTag: db.prepare("SELECT count(*) FROM post_tags WHERE tag_id = ?").pluck(),
    tagId: db.prepare("SELECT id FROM tags WHERE slug = ?").pluck(),
    post: db.prepare(`SELECT ${list}, p.content, p.version FROM ${posts} WHERE p.id = ?`),
    author: db.prepare("SELECT id, name FROM authors WHERE id = ?"),
    published: db.prepare("SELECT 1 FROM posts WHERE id = ?").pluck(),
    insertComment: db.prepare("INSERT INTO comments (id, post_id, author_id, content, created_at) VALUES (?, ?, ?, ?, ?)"),
    countComment: db.prepare("UPDATE posts SET comments_count = comments_count + 1 WHERE id = ?"),
    update: db.prepare(
      `UPDATE posts SET title = coalesce(?, title), content = coalesce(?, content), version = version + 1, updated_at = ?
       WHERE id = ?`,
    ),
    putTag: db.prepare(
      "INSERT INTO tags (id, slug, name) VALUES (?, ?, ?) ON CONFLICT (slug) DO UPDATE SET name = excluded.name",
    ),
    invoices: db.prepare(
      `SELECT i.id, i.number, i.date, i.status, i.amount, i.currency, i.customer_id, c.name, c.email
       FROM invoices i JOIN customers c ON c.id = i.customer_id ORDER BY i.date DESC, i.id DESC`,
    ).raw(),
  };
  const me = db.prepare("SELECT id FROM authors LIMIT 1").pluck().get();

  const item = (row) => ({
    id: row.id, slug: row.slug, title: row.title, content: row.content, author: { id: row.author_id, name: row.name },
    tags: JSON.parse(row.tags), published: true, publishedAt: new Date(row.published_at).toISOString(),
    commentsCount: row.comments_count, createdAt: new Date(row.created_at).toISOString(),
    updatedAt: new Date(row.updated_at).toISOString(), excerpt: row.excerpt,
  });

  const createComment = db.transaction((post, content) => {
    if (!sql.published.get(post)) return undefined;
    const comment = { id: randomUUID(), postId: post, author: sql.author.get(me), content, at: Date.now() };
    sql.insertComment.run(comment.id, post, me, content, comment.at);
    sql.countComment.run(post);
    comment.createdAt = new Date(comment.at).toISOString();
    return comment;
  });
  const updatePost = db.transaction((id, { title, content }) => {
    sql.update.run(title ?? null, content ?? null, Date.now(), id);
    return sql.post.get(id);
  });

  const hash = (text) => createHash("sha256").update(text).digest();
  const expected = hash(`Bearer ${token}`);
  const authenticate = async (request, reply) => {
    const given = request.headers.authorization;
    if (!given || !timingSafeEqual(hash(given), expected)) await reply.code(401).send({ title: "Unauthorized" });
  };

  const app = Fastify({ logger: false });
  const etag = (row) => `"${row.id}-${row.version}"`;
  app.addContentTypeParser("application/merge-patch+json", { parseAs: "string" }, app.getDefaultJsonParser("error", "error"));

  app.get("/livez", () => ({ status: "ok" }));

  app.get("/posts", { schema: { querystring: schemas.listQuery, response: { 200: schemas.page } } }, (request, reply) => {
    const { page, limit, after, tag } = request.query;
    const count = request.query.count ?? (after ? "none" : "exact");
    const filter = tag === undefined ? [] : [sql.tagId.get(tag)];
    let rows;
    if (after) {
      const cursor = JSON.parse(Buffer.from(after, "base64url").toString());
      rows = (tag === undefined ? sql.after : sql.afterOfTag).all(...filter, ...cursor, limit);
    } else {
      rows = (tag === undefined ? sql.page : sql.pageOfTag).all(...filter, limit, (page - 1) * limit);
    }
    const pagination = { page, limit };
    if (count === "exact") {
      pagination.total = (tag === undefined ? sql.count : sql.countOfTag).get(...filter);
      pagination.pages = Math.ceil(pagination.total / limit);
    }
    const last = rows.at(-1);
    if (last) pagination.nextCursor = Buffer.from(JSON.stringify([last.published_at, last.id])).toString("base64url");
    reply.send({ data: rows.map(item), pagination });
  });

  app.get("/posts/:id", { schema: { response: { 200: schemas.post } } }, (request, reply) => {
    const row = sql.post.get(request.params.id);
    if (!row) return reply.code(404).send();
    reply.header("etag", etag(row));
    if (request.headers["if-none-match"] === etag(row)) return reply.code(304).send();
    reply.send(item(row));
  });

  app.post(
    "/posts/:id/comments",
    { onRequest: authenticate, schema: { body: schemas.commentInput, response: { 201: schemas.comment } } },
    (request, reply) => {
      const comment = createComment.immediate(request.params.id, request.body.content);
      if (!comment) return reply.code(404).send();
      reply.code(201).header("location", `/comments/${comment.id}`).send(comment);
    },
  );

  app.patch(
    "/posts/:id",
    { onRequest: authenticate, schema: { body: schemas.patch, response: { 200: schemas.post } } },
    (request, reply) => {
      const row = updatePost.immediate(request.params.id, request.body);
      if (!row) return reply.code(404).send();
      reply.header("etag", etag(row)).send(item(row));
    },
  );

  const streams = new Set();
  app.get("/events", (request, reply) => {
    reply.hijack();
    reply.raw.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    reply.raw.write(": connected\n\n");
    streams.add(reply.raw);
    request.raw.on("close", () => streams.delete(reply.raw));
  });

  let position = 0;
  app.put("/tags/:slug", { onRequest: authenticate, schema: { body: schemas.tag } }, (request, reply) => {
    const { slug } = request.params;
    sql.putTag.run(randomUUID(), slug, request.body.name);
    position += 1;
    const data = JSON.stringify({ type: "tag.created", href: `/api/tags/${slug}`, at: new Date().toISOString() });
    const event = `id: ${position}\nevent: tag.created\ndata: ${data}\n\n`;
    for (const stream of streams) stream.write(event);
    reply.code(201).send({ slug, name: request.body.name });
  });

  function* rows() {
    let chunk = COLUMNS;
    for (const [id, number, date, status, amount, currency, customer, name, email] of sql.invoices.iterate()) {
      const rate = RATES[currency];
      const converted = Math.round(amount * rate);
      chunk += `${id},${number},${date},${status},${converted},USD,${customer},${quote(name)},${quote(email)},`
        + `${amount},${currency},${rate}\r\n`;
      if (chunk.length > CHUNK) {
        yield chunk;
        chunk = "";
      }
    }
    yield chunk;
  }
  app.get("/invoices.csv", { onRequest: authenticate }, (request, reply) => {
    reply.header("content-type", "text/csv; charset=utf-8; header=present");
    return reply.send(Readable.from(rows(), { objectMode: false, highWaterMark: CHUNK }));
  });

  await app.listen({ host: "127.0.0.1", port: Number(port) });
  console.log(`listening on http://127.0.0.1:${app.server.address().port}`);
}

const [command, ...values] = process.argv.slice(2);
if (command === "copy") copy(...values);
else if (command === "serve") await serve(...values);
else throw new Error("usage: node server.mjs copy FROM TO | serve DATABASE PORT TOKEN");
