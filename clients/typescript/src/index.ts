export { createTenon, type Tenon, type TenonOptions } from "./client.js";
export type { EtagCacheOptions } from "./etag-cache.js";
export type { Event, EventsOptions, ResetEvent, Topic } from "./events.js";
export type { ItemOf, ListPath } from "./pagination.js";
export { isProblem, TenonProblem, unwrap, type Code, type DataOf, type Problem, type ProblemEntry } from "./problem.js";
export type { Fetch, RetryOptions } from "./retry.js";
export type { components, operations, paths } from "./schema.js";
export type { Credentials, Tokens, TokenStore, User } from "./session.js";
