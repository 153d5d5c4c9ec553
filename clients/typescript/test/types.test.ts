import { test } from "node:test";
import { createTenon, isProblem, type components, type Code, type ItemOf, type ListPath } from "@tenon/client";

type Schemas = components["schemas"];
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function holds<_Law extends true>(): void {}

// The compiler proves this file; running it would send requests.
async function compiled(): Promise<void> {
  const tenon = createTenon({ baseUrl: "http://127.0.0.1" });
  const path = { id: "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f" };
  const body = { title: "A joint" };

  const read = await tenon.unwrap(tenon.GET("/api/posts/{id}", { params: { path } }));
  holds<Same<typeof read, Schemas["Post"]>>();
  const patched = await tenon.unwrap(tenon.PATCH("/api/posts/{id}", { params: { path }, body }));
  holds<Same<typeof patched.id, string>>();
  const minimal = { Prefer: "return=minimal" } as const;
  const quiet = await tenon.unwrap(tenon.PATCH("/api/posts/{id}", { params: { path, header: minimal }, body }));
  holds<undefined extends typeof quiet ? true : false>();
  const removed = await tenon.unwrap(tenon.DELETE("/api/posts/{id}", { params: { path } }));
  holds<Same<typeof removed, undefined>>();
  const { error } = await tenon.GET("/api/posts");
  if (error !== undefined) holds<Same<typeof error, Schemas["Problem"]>>();

  for await (const post of tenon.each("/api/posts", { params: { query: { tag: ["rust"] } } })) {
    holds<Same<typeof post, Schemas["PostSummary"]>>();
  }
  holds<Same<ItemOf<"/api/tags">, Schemas["Tag"]>>();
  holds<"/api/me" extends ListPath ? false : true>();
  const caught: unknown = undefined;
  if (isProblem(caught, "precondition-failed")) holds<Same<typeof caught.code, "precondition-failed">>();
  if (isProblem(caught)) holds<Same<typeof caught.code, Code>>();

  // @ts-expect-error the path is not in the document
  await tenon.GET("/api/nothing");
  // @ts-expect-error the parameter is missing
  await tenon.GET("/api/posts/{id}");
  // @ts-expect-error the value is not one of those that are taken
  await tenon.GET("/api/posts", { params: { query: { status: "lost" } } });
  // @ts-expect-error a post needs a title
  await tenon.POST("/api/posts", { body: { content: "long enough" } });
  // @ts-expect-error a title is not a number
  await tenon.PATCH("/api/posts/{id}", { params: { path }, body: { title: 1 } });
  // @ts-expect-error this is not a list
  tenon.each("/api/me");
  // @ts-expect-error a list of one post's comments needs the post
  tenon.each("/api/posts/{id}/comments");
  // @ts-expect-error there is no such code
  isProblem(caught, "rotten");
}

test("answers, entries and codes have the document's types", () => void compiled);
