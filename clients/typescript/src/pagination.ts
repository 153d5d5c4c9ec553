import type { Client, ClientPathsWithMethod, MaybeOptionalInit } from "openapi-fetch";
import { unwrap } from "./problem.js";
import type { paths } from "./schema.js";

/** What the list at a path holds; never for a path that is not a list. */
export type ItemOf<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": { data: (infer Item)[]; pagination: unknown } } } } };
}
  ? Item
  : never;

/** The paths of lists. */
export type ListPath = {
  [Path in keyof paths]: [ItemOf<Path>] extends [never] ? never : Path;
}[keyof paths] &
  ClientPathsWithMethod<Client<paths>, "get">;

export type ListInit<Path extends ListPath> = MaybeOptionalInit<paths[Path], "get">;

interface Page<Item> {
  data: Item[];
  pagination: { nextCursor?: string };
}

interface Init {
  params?: { query?: Record<string, unknown> };
}

type Read<Item> = (path: string, init: Init) => Promise<{ data?: Page<Item>; error?: unknown; response: Response }>;

/** Every entry of a list, page after page, each page asked for when it is needed. */
export async function* each<Path extends ListPath>(
  client: Client<paths>,
  path: Path,
  init: Init = {},
): AsyncGenerator<ItemOf<Path>, void, undefined> {
  const read = client.GET as unknown as Read<ItemOf<Path>>;
  let query: Record<string, unknown> = { limit: 50, ...init.params?.query };
  for (;;) {
    const page = (await unwrap(read(path, { ...init, params: { ...init.params, query } }))) as Page<ItemOf<Path>>;
    yield* page.data;
    const { nextCursor } = page.pagination;
    if (nextCursor === undefined) return;
    const { page: _, ...others } = query;
    query = { ...others, after: nextCursor };
  }
}
