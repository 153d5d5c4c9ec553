import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];
/** `unexpected-response`: the response is not from the service, but from an intermediary such as a proxy. */
export type Code = components["schemas"]["ProblemCode"] | "unexpected-response";
export type ProblemEntry = components["schemas"]["ProblemEntry"];

/** An error response of the service (RFC 9457). */
export class TenonProblem<C extends Code = Code> extends Error {
  override readonly name = "TenonProblem";
  readonly code: C;
  readonly status: number;
  readonly title: string;
  /** The violations, ordered by field. */
  readonly errors: readonly ProblemEntry[];
  /** For 412: the current ETag of the resource. */
  readonly currentEtag: string | undefined;
  /** The request id, which the server log contains. */
  readonly trace: string | undefined;
  readonly response: Response;

  constructor(code: C, body: Partial<Problem>, response: Response) {
    super(body.detail ?? `unexpected response: ${response.status} ${response.statusText}`.trimEnd());
    this.code = code;
    this.status = response.status;
    this.title = body.title ?? "The response is not a problem document";
    this.errors = body.errors ?? [];
    this.currentEtag = body.currentEtag;
    this.trace = body.trace ?? response.headers.get("X-Request-Id") ?? undefined;
    this.response = response;
  }
}

/** Returns whether an error is a `TenonProblem`, with the given code if one is given. */
export function isProblem<C extends Code = Code>(error: unknown, code?: C): error is TenonProblem<C> {
  return error instanceof TenonProblem && (code === undefined || error.code === code);
}

/** Creates a `TenonProblem` from the parsed body of an error response. */
export function problemFrom(error: unknown, response: Response): TenonProblem {
  return isProblemBody(error)
    ? new TenonProblem(error.code, error, response)
    : new TenonProblem("unexpected-response", {}, response);
}

function isProblemBody(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "detail" in error;
}

interface ApiResponse {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/** The type of `data` in a successful response. */
export type DataOf<R> = R extends { data: infer Data; error?: never } ? Data : never;

/** Returns the data of a response; throws a `TenonProblem` for an error response. */
export async function unwrap<R extends ApiResponse>(result: R | Promise<R>): Promise<DataOf<R>> {
  const { data, error, response } = await result;
  if (!response.ok) throw problemFrom(error, response);
  return data as DataOf<R>;
}
