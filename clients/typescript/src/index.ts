export { createTenon, type Tenon, type TenonOptions } from "./client.js";
export type { Event, EventsOptions, Reset, Topic } from "./events.js";
export type { MemoryOptions } from "./memory.js";
export type { ItemOf, ListPath } from "./pages.js";
export { isProblem, TenonProblem, unwrap, type Code, type DataOf, type Problem, type ProblemEntry } from "./problem.js";
export type { Fetch, RetryOptions } from "./retry.js";
export type { components, operations, paths } from "./schema.js";
export type { Credentials, Store, Tokens, User } from "./session.js";
