import type { components } from "./schema.js";

export type Problem = components["schemas"]["Problem"];
/** `not-a-problem`: the answer was not the service's own, but that of something between it and the client. */
export type Code = components["schemas"]["ProblemCode"] | "not-a-problem";
export type ProblemEntry = components["schemas"]["ProblemEntry"];

/** A failure that the service answered with (RFC 9457). */
export class TenonProblem<C extends Code = Code> extends Error {
  override readonly name = "TenonProblem";
  readonly code: C;
  readonly status: number;
  readonly title: string;
  /** One entry for each violation, in the order of their places. */
  readonly errors: readonly ProblemEntry[];
  /** With 412: the ETag of the version that is there now. */
  readonly currentEtag: string | undefined;
  /** The id of the request, for whoever runs the service. */
  readonly trace: string | undefined;
  readonly response: Response;

  constructor(code: C, body: Partial<Problem>, response: Response) {
    super(body.detail ?? `the answer was ${response.status} ${response.statusText}`.trimEnd());
    this.code = code;
    this.status = response.status;
    this.title = body.title ?? "The answer is not a problem";
    this.errors = body.errors ?? [];
    this.currentEtag = body.currentEtag;
    this.trace = body.trace ?? response.headers.get("X-Request-Id") ?? undefined;
    this.response = response;
  }
}

/** Whether something that was thrown is a problem, and of that kind if one is named. */
export function isProblem<C extends Code = Code>(error: unknown, code?: C): error is TenonProblem<C> {
  return error instanceof TenonProblem && (code === undefined || error.code === code);
}

export function problemFrom(error: unknown, response: Response): TenonProblem {
  return looksLikeProblem(error)
    ? new TenonProblem(error.code, error, response)
    : new TenonProblem("not-a-problem", {}, response);
}

function looksLikeProblem(error: unknown): error is Problem {
  return typeof error === "object" && error !== null && "code" in error && "detail" in error;
}

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/** What an answer holds when all goes well. */
export type DataOf<A> = A extends { data: infer Data; error?: never } ? Data : never;

/** The data of an answer; a failure is thrown as a `TenonProblem`. */
export async function unwrap<A extends Answer>(answer: A | Promise<A>): Promise<DataOf<A>> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemFrom(error, response);
  return data as DataOf<A>;
}
