import type { Client, ClientPathsWithMethod, MaybeOptionalInit } from "openapi-fetch";
import { unwrap } from "./problem.js";
import type { paths } from "./schema.js";

/** The item type of the list at a path; `never` for a path that is not a list. */
export type ItemOf<Path extends keyof paths> = paths[Path] extends {
  get: { responses: { 200: { content: { "application/json": { data: (infer Item)[]; pagination: unknown } } } } };
}
  ? Item
  : never;

/** The paths of paginated lists. */
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

type GetPage<Item> = (path: string, init: Init) => Promise<{ data?: Page<Item>; error?: unknown; response: Response }>;

/** Yields the items of all pages of a list. Each page is requested when its first item is needed. */
export async function* paginate<Path extends ListPath>(
  client: Client<paths>,
  path: Path,
  init: Init = {},
): AsyncGenerator<ItemOf<Path>, void, undefined> {
  const getPage = client.GET as unknown as GetPage<ItemOf<Path>>;
  let query: Record<string, unknown> = { limit: 50, ...init.params?.query };
  for (;;) {
    const page = (await unwrap(getPage(path, { ...init, params: { ...init.params, query } }))) as Page<ItemOf<Path>>;
    yield* page.data;
    const { nextCursor } = page.pagination;
    if (nextCursor === undefined) return;
    // The cursor replaces `page`: the server ignores `page` if `after` is set.
    const { page: _, ...others } = query;
    query = { ...others, after: nextCursor };
  }
}
