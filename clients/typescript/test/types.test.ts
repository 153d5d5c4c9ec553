import { test } from "node:test";
import { createTenon, isProblem, type components, type Code, type ItemOf, type ListPath } from "@tenon/client";

type Schemas = components["schemas"];
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function assertType<_Assertion extends true>(): void {}

// Type assertions, checked by the compiler. The function never runs, because it would send requests.
async function typeAssertions(): Promise<void> {
  const tenon = createTenon({ baseUrl: "http://127.0.0.1" });
  const path = { post: "0199c0de-7a5b-7c3d-8e1f-2a3b4c5d6e7f" };
  const body = { title: "A joint" };

  const read = await tenon.unwrap(tenon.GET("/api/posts/{post}", { params: { path } }));
  assertType<Equal<typeof read, Schemas["Post"]>>();
  const patched = await tenon.unwrap(tenon.PATCH("/api/posts/{post}", { params: { path }, body }));
  assertType<Equal<typeof patched.id, string>>();
  const preferMinimal = { Prefer: "return=minimal" } as const;
  const noContent = await tenon.unwrap(tenon.PATCH("/api/posts/{post}", { params: { path, header: preferMinimal }, body }));
  assertType<undefined extends typeof noContent ? true : false>();
  const deleted = await tenon.unwrap(tenon.DELETE("/api/posts/{post}", { params: { path } }));
  assertType<Equal<typeof deleted, undefined>>();
  const { error } = await tenon.GET("/api/posts");
  if (error !== undefined) assertType<Equal<typeof error, Schemas["Problem"]>>();

  for await (const post of tenon.paginate("/api/posts", { params: { query: { tag: ["rust"] } } })) {
    assertType<Equal<typeof post, Schemas["PostSummary"]>>();
  }
  assertType<Equal<ItemOf<"/api/tags">, Schemas["Tag"]>>();
  assertType<"/api/me" extends ListPath ? false : true>();
  const caught: unknown = undefined;
  if (isProblem(caught, "precondition-failed")) assertType<Equal<typeof caught.code, "precondition-failed">>();
  if (isProblem(caught)) assertType<Equal<typeof caught.code, Code>>();

  // @ts-expect-error the path is not in the OpenAPI document
  await tenon.GET("/api/nothing");
  // @ts-expect-error the parameter is missing
  await tenon.GET("/api/posts/{post}");
  // @ts-expect-error the enum has no such value
  await tenon.GET("/api/posts", { params: { query: { status: "lost" } } });
  // @ts-expect-error the field `title` is required
  await tenon.POST("/api/posts", { body: { content: "long enough" } });
  // @ts-expect-error `title` is a string
  await tenon.PATCH("/api/posts/{post}", { params: { path }, body: { title: 1 } });
  // @ts-expect-error the path is not a list
  tenon.paginate("/api/me");
  // @ts-expect-error the path parameter is missing
  tenon.paginate("/api/posts/{post}/comments");
  // @ts-expect-error the code does not exist
  isProblem(caught, "unknown-code");
}

test("responses, list items and problem codes have the types of the OpenAPI document", () => void typeAssertions);
