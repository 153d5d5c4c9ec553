import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { createTenon, type Tenon, type TenonOptions } from "@tenon/client";

export const ADMIN = { email: "ada@acme.test", password: "mortise and tenon, cut to fit" };

/** What went over the wire, in order. */
export interface Sent {
  line: string;
  headers: Headers;
  status: number;
}

export interface Service {
  url: string;
  /** The program, and the folder that its data is in. */
  binary: string;
  data: string;
  /** A client and what it sends. */
  client(options?: Partial<TenonOptions>): { tenon: Tenon; sent: Sent[] };
  stop(): Promise<void>;
}

export async function startService(): Promise<Service> {
  const binary = resolve(process.env["TENON_BIN"] ?? "../../target/debug/tenon");
  const data = mkdtempSync(join(tmpdir(), "tenon-client-"));
  const account = ["--email", ADMIN.email, "--name", "Ada Turner", "--role", "admin", "--password-stdin"];
  execFileSync(binary, ["user", "create", "--data-dir", data, ...account], {
    input: `${ADMIN.password}\n`,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const child = spawn(binary, ["serve", "--data-dir", data, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const ended = new Promise<void>((done) => child.once("exit", () => done()));
  const url = await new Promise<string>((found, failed) => {
    createInterface(child.stdout).on("line", (line) => {
      const address = /^listening on (http:\S+)$/.exec(line)?.[1];
      if (address !== undefined) found(address);
    });
    child.once("exit", (code) => failed(new Error(`the service ended with ${code}`)));
    child.once("error", failed);
  });
  return {
    url,
    binary,
    data,
    client: (options = {}) => {
      const sent: Sent[] = [];
      const { fetch = globalThis.fetch, ...others } = options;
      const recording = async (request: Request) => {
        const line = `${request.method} ${request.url.slice(url.length)}`;
        const response = await fetch(request);
        sent.push({ line, headers: request.headers, status: response.status });
        return response;
      };
      return { tenon: createTenon({ baseUrl: url, ...others, fetch: recording }), sent };
    },
    stop: async () => {
      child.kill();
      await ended;
      rmSync(data, { recursive: true, force: true });
    },
  };
}
