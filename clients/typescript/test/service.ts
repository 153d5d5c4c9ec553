import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { createTenon, type Tenon, type TenonOptions } from "@tenon/client";

export const ADMIN = { email: "ada@acme.test", password: "mortise and tenon, cut to fit" };

/** A request with the status of its response, as sent over the network. */
export interface SentRequest {
  /** Method and path. */
  line: string;
  headers: Headers;
  status: number;
}

export interface Service {
  url: string;
  /** Path of the server binary. */
  binary: string;
  /** Path of the data folder. */
  data: string;
  /** Creates a client, and records its requests in `sent`. */
  client(options?: Partial<TenonOptions>): { tenon: Tenon; sent: SentRequest[] };
  stop(): Promise<void>;
}

/** Starts a server with one admin, on a free port and a temporary data folder. */
export async function startService(): Promise<Service> {
  const binary = resolve(process.env["TENON_BIN"] ?? "../../target/debug/tenon");
  const data = mkdtempSync(join(tmpdir(), "tenon-client-"));
  const account = ["--email", ADMIN.email, "--name", "Ada Turner", "--role", "admin", "--password-stdin"];
  execFileSync(binary, ["user", "create", "--data-dir", data, ...account], {
    input: `${ADMIN.password}\n`,
    stdio: ["pipe", "ignore", "inherit"],
  });
  const child = spawn(binary, ["serve", "--data-dir", data, "--listen", "127.0.0.1:0"], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface(child.stderr).on("line", (line) => {
      const address = / listening on (http:\S+)$/.exec(line)?.[1];
      if (address !== undefined) resolve(address);
    });
    child.once("exit", (code) => reject(new Error(`the server exited with code ${code}`)));
    child.once("error", reject);
  });
  return {
    url,
    binary,
    data,
    client: (options = {}) => {
      const sent: SentRequest[] = [];
      const { fetch = globalThis.fetch, ...otherOptions } = options;
      const recordingFetch = async (request: Request) => {
        const line = `${request.method} ${request.url.slice(url.length)}`;
        const response = await fetch(request);
        sent.push({ line, headers: request.headers, status: response.status });
        return response;
      };
      return { tenon: createTenon({ baseUrl: url, ...otherOptions, fetch: recordingFetch }), sent };
    },
    stop: async () => {
      child.kill();
      await exited;
      rmSync(data, { recursive: true, force: true });
    },
  };
}
