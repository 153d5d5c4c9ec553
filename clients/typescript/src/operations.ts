// Generated from openapi.yaml by `npm run generate`. Changes belong there.

/** Operations that accept `Idempotency-Key`. */
export const idempotencyKeyOperations: ReadonlySet<string> = new Set([
  "POST /api/channels",
  "POST /api/channels/{id}/messages",
  "POST /api/documents",
  "POST /api/posts",
  "POST /api/posts/{post}/comments",
  "POST /api/redirect-files/csv",
  "POST /api/redirect-files/json",
  "POST /api/redirect-files/netlify",
  "POST /api/redirects",
  "POST /api/upload",
  "POST /api/users",
  "POST /api/v2/customers",
  "POST /api/v2/invoices/{locale}"
]);

/** Write operations that accept `If-Match`. */
export const ifMatchOperations: ReadonlySet<string> = new Set([
  "DELETE /api/channels/{id}",
  "PATCH /api/channels/{id}",
  "DELETE /api/comments/{id}",
  "PATCH /api/comments/{id}",
  "PUT /api/docs/{path}",
  "DELETE /api/docs/{path}",
  "PUT /api/documents/{id}",
  "DELETE /api/documents/{id}",
  "PATCH /api/documents/{id}",
  "POST /api/documents/{id}/revisions/{revision}/restore",
  "PATCH /api/me",
  "DELETE /api/media/{id}",
  "PATCH /api/media/{id}",
  "DELETE /api/messages/{id}",
  "PATCH /api/messages/{id}",
  "PUT /api/posts/{post}",
  "DELETE /api/posts/{post}",
  "PATCH /api/posts/{post}",
  "POST /api/posts/{post}/revisions/{revision}/restore",
  "PUT /api/redirects/{key}",
  "DELETE /api/redirects/{key}",
  "PUT /api/tags/{slug}",
  "DELETE /api/tags/{slug}",
  "PATCH /api/tags/{slug}",
  "DELETE /api/users/{id}",
  "PATCH /api/users/{id}",
  "PUT /api/v2/customers/{id}",
  "DELETE /api/v2/customers/{id}",
  "PATCH /api/v2/customers/{id}",
  "PUT /api/v2/invoices/{locale}/{id}",
  "DELETE /api/v2/invoices/{locale}/{id}",
  "PATCH /api/v2/invoices/{locale}/{id}",
  "PUT /api/v2/revenues/{locale}/{month}",
  "DELETE /api/v2/revenues/{locale}/{month}",
  "DELETE /api/webhook-endpoints/{id}",
  "PATCH /api/webhook-endpoints/{id}"
]);

/** Operations whose body is a JSON merge patch. */
export const mergePatchOperations: ReadonlySet<string> = new Set([
  "PATCH /api/channels/{id}",
  "PATCH /api/comments/{id}",
  "PATCH /api/documents/{id}",
  "PATCH /api/me",
  "PATCH /api/media/{id}",
  "PATCH /api/messages/{id}",
  "PATCH /api/posts/{post}",
  "PATCH /api/tags/{slug}",
  "PATCH /api/users/{id}",
  "PATCH /api/v2/customers/{id}",
  "PATCH /api/v2/invoices/{locale}/{id}",
  "PATCH /api/webhook-endpoints/{id}"
]);

/** Paths whose last parameter can contain slashes. */
export const multiSegmentPaths: ReadonlySet<string> = new Set([
  "/api/docs/{path}",
  "/api/redirects/{key}",
  "/api/upstreams/{upstream}/{path}"
]);

/** Alternative read paths, with the path at which the same resource is written. */
export const canonicalPaths: ReadonlyMap<string, string> = new Map([
  [
    "/api/docs/{path}",
    "/api/documents/{id}"
  ],
  [
    "/api/posts/{post}",
    "/api/posts/{post}"
  ]
]);
