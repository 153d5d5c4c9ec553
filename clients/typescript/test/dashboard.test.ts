/** The story of a dashboard: records come in from files, are looked at, changed, and taken home. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { isProblem, type Tenon } from "@tenon/client";
import { parse } from "csv-parse/sync";
import { ADMIN, startService, type Service } from "./service.js";

const RABBIT = "d6e15727-9fe1-4961-8c5b-ea44a9bd81aa";
const TURNER = "3958dc9e-742f-4377-85e9-fec4b6a6442a";

/** An office of its own, or (`TENON_STORY=FOLDER`) somebody's. */
const OFFICE: Record<string, unknown> = {
  "customers.json": [
    { id: RABBIT, name: "Evil Rabbit", email: "evil@rabbit.acme.test", imageUrl: "/customers/evil-rabbit.png" },
    { id: TURNER, name: 'Ada "the lathe" Turner, =1+1', email: "ada@turner.acme.test" },
  ],
  "invoices.json": [
    { customerId: RABBIT, amount: 15795, currency: "USD", status: "pending", date: "2022-12-06" },
    { customerId: TURNER, amount: 20348, currency: "USD", status: "pending", date: "2022-11-14" },
    { customerId: RABBIT, amount: 3040, currency: "USD", status: "paid", date: "2022-10-29" },
    { customerId: TURNER, amount: 44800, currency: "USD", status: "paid", date: "2023-09-10" },
    { customerId: RABBIT, amount: 666, currency: "USD", status: "pending", date: "2023-06-27" },
    { customerId: TURNER, amount: 32545, currency: "USD", status: "paid", date: "2023-06-09" },
  ],
  "revenues.json": [
    { month: "Jan", amount: 200000, currency: "USD" },
    { month: "Feb", amount: 180000, currency: "USD" },
  ],
  "redirects.json": { "-api-v1-revenues": { destination: "/api/v2/revenues/en-us", permanent: false } },
};

interface Told {
  customerId: string;
  amount: number;
  status: string;
  date: string;
}

let service: Service;
let tenon: Tenon;
let folder: string;
let told: Told[];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tenon-story-"));
  for (const [name, records] of Object.entries(OFFICE)) writeFileSync(join(folder, name), JSON.stringify(records));
  const from = process.env["TENON_STORY"] ?? folder;
  told = JSON.parse(readFileSync(join(from, "invoices.json"), "utf8")) as Told[];
  service = await startService();
  const files = readdirSync(from).map((name) => join(from, name));
  execFileSync(service.binary, ["import", "json", "--data-dir", service.data, ...files], { stdio: "pipe" });
  ({ tenon } = service.client());
  await tenon.signIn(ADMIN.email, ADMIN.password);
});
after(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

const sum = (status: string) =>
  told.filter((invoice) => invoice.status === status).reduce((all, { amount }) => all + amount, 0);

/** Half to the even cent, in whole numbers. */
function euros(cents: number): number {
  const [whole, rest] = [Math.floor((cents * 86) / 100), (cents * 86) % 100];
  return rest > 50 || (rest === 50 && whole % 2 === 1) ? whole + 1 : whole;
}

const french = { params: { path: { locale: "fr" } } };
const american = { params: { path: { locale: "en-us" } } };

describe("a dashboard", () => {
  test("has cards, a chart and the latest invoices", async () => {
    const { cards, revenues, latest, rates, failed } = await tenon.unwrap(tenon.GET("/api/v2/dashboard"));
    assert.deepEqual(failed, []);
    assert.equal(cards?.collected, sum("paid"));
    assert.equal(cards?.pending, sum("pending"));
    assert.equal(cards?.invoices, told.length);
    assert.equal(revenues?.length, 12);
    assert.ok(revenues?.some(({ source, amount }) => source === "imported" && amount === 200000));
    const dates = told.map(({ date }) => date).sort().reverse();
    assert.deepEqual(latest?.map(({ date }) => date), dates.slice(0, 5));
    assert.ok(latest?.every(({ customer }) => customer !== undefined && customer.name.length > 0));
    assert.equal(rates?.find(({ base }) => base === "EUR")?.rateState, "fallback");
  });

  test("shows every invoice in euros to the cent", async () => {
    const invoices = [];
    for await (const invoice of tenon.each("/api/v2/invoices/{locale}", french)) invoices.push(invoice);
    assert.equal(invoices.length, told.length);
    for (const { amount, currency, original } of invoices) {
      assert.equal(currency, "EUR");
      assert.equal(original?.rate, "0.86");
      assert.equal(amount, euros(original?.amount ?? 0));
    }
  });

  test("is downloaded as a table that says what the list says", async () => {
    const list = [];
    const query = { expand: "customer", status: "pending" } as const;
    for await (const invoice of tenon.each("/api/v2/invoices/{locale}", { params: { ...french.params, query } })) {
      list.push(invoice);
    }
    const answer = await tenon.GET("/api/v2/invoices/{locale}/csv", {
      params: { ...french.params, query: { status: "pending" } },
      parseAs: "text",
    });
    assert.equal(answer.response.headers.get("Content-Type"), "text/csv; charset=utf-8; header=present");
    assert.match(answer.response.headers.get("Content-Disposition") ?? "", /filename="invoices-fr-[\d-]+\.csv"/);
    const lines = parse(answer.data ?? "", { columns: true }) as Record<string, string>[];
    const table = lines.map((line) => [line["id"], line["amount"], line["customer.name"], line["original.amount"]]);
    const text = (value: string) => (/^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value);
    const meant = list.map(({ id, amount, customer, original }) => [
      id,
      String(amount),
      text(customer?.name ?? ""),
      String(original?.amount),
    ]);
    assert.ok(meant.length > 0);
    assert.deepEqual(table, meant);
    const ndjson = await tenon.GET("/api/v2/invoices/{locale}/ndjson", {
      params: { ...french.params, query },
      parseAs: "text",
    });
    const entries = String(ndjson.data).trim().split("\n").map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(entries, list);
  });

  test("takes a new invoice, refuses a stale change, and prints and deletes it", async () => {
    const customer = told[0]?.customerId ?? "";
    const body = { customerId: customer, amount: 12345, status: "draft", date: "2026-11-20" } as const;
    const made = await tenon.unwrap(tenon.POST("/api/v2/invoices/{locale}", { ...american, body }));
    const path = { locale: "en-us", id: made.id };
    const first = await tenon.GET("/api/v2/invoices/{locale}/{id}", { params: { path } });
    const etag = first.response.headers.get("ETag") ?? "";
    const change = { params: { path, header: { "If-Match": etag } }, body: { amount: 23456 } };
    const changed = await tenon.unwrap(tenon.PATCH("/api/v2/invoices/{locale}/{id}", change));
    assert.equal(changed.amount, 23456);
    const stale = tenon.unwrap(tenon.PATCH("/api/v2/invoices/{locale}/{id}", change));
    await assert.rejects(stale, (error) => isProblem(error, "precondition-failed") && error.status === 412);
    const pdf = await tenon.GET("/api/v2/invoices/{locale}/{id}/pdf", { params: { path }, parseAs: "arrayBuffer" });
    const bytes = new Uint8Array((pdf.data as unknown as ArrayBuffer) ?? new ArrayBuffer(0));
    assert.equal(new TextDecoder().decode(bytes.slice(0, 5)), "%PDF-");
    assert.ok(bytes.length > 5000);
    const gone = await tenon.DELETE("/api/v2/invoices/{locale}/{id}", { params: { path } });
    assert.equal(gone.response.status, 204);
    const after = await tenon.GET("/api/v2/invoices/{locale}/{id}", { params: { path } });
    assert.equal(after.response.status, 404);
  });

  test("is still found at its old address", async () => {
    const ask = () => fetch(`${service.url}/api/v1/revenues?limit=3`, { redirect: "manual" });
    let answer = await ask();
    // The rules were imported beside the service, which takes them over in its own time.
    for (let tries = 0; answer.status === 404 && tries < 100; tries++) {
      await new Promise((done) => setTimeout(done, 100));
      answer = await ask();
    }
    assert.equal(answer.status, 307);
    assert.equal(answer.headers.get("Location"), "/api/v2/revenues/en-us?limit=3");
  });
});
