/** The workflow of a billing dashboard: import records from files, read, update and export them. */
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

/** Sample records; `TENON_BILLING_DATA=FOLDER` replaces them with the files of a folder. */
const RECORDS: Record<string, unknown> = {
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

interface InvoiceRecord {
  customerId: string;
  amount: number;
  status: string;
  date: string;
}

let service: Service;
let tenon: Tenon;
let folder: string;
let invoiceRecords: InvoiceRecord[];

before(async () => {
  folder = mkdtempSync(join(tmpdir(), "tenon-billing-"));
  for (const [name, records] of Object.entries(RECORDS)) writeFileSync(join(folder, name), JSON.stringify(records));
  const source = process.env["TENON_BILLING_DATA"] ?? folder;
  invoiceRecords = JSON.parse(readFileSync(join(source, "invoices.json"), "utf8")) as InvoiceRecord[];
  service = await startService();
  const files = readdirSync(source).map((name) => join(source, name));
  execFileSync(service.binary, ["import", "json", "--data-dir", service.data, ...files], { stdio: "pipe" });
  ({ tenon } = service.client());
  await tenon.signIn(ADMIN.email, ADMIN.password);
});
after(async () => {
  await service.stop();
  rmSync(folder, { recursive: true, force: true });
});

const sum = (status: string) =>
  invoiceRecords
    .filter((invoice) => invoice.status === status)
    .reduce((total, { amount }) => total + amount, 0);

/** Converts US cents to euro cents with the rate 0.86, rounded half to even. */
function toEuroCents(cents: number): number {
  const [quotient, remainder] = [Math.floor((cents * 86) / 100), (cents * 86) % 100];
  return remainder > 50 || (remainder === 50 && quotient % 2 === 1) ? quotient + 1 : quotient;
}

const french = { params: { path: { locale: "fr" } } };
const american = { params: { path: { locale: "en-us" } } };

describe("billing dashboard", () => {
  test("returns totals, a chart and the latest invoices", async () => {
    const { cards, revenues, latest, rates, failed } = await tenon.unwrap(tenon.GET("/api/v2/dashboard"));
    assert.deepEqual(failed, []);
    assert.equal(cards?.collected, sum("paid"));
    assert.equal(cards?.pending, sum("pending"));
    assert.equal(cards?.invoices, invoiceRecords.length);
    assert.equal(revenues?.length, 12);
    assert.ok(revenues?.some(({ source, amount }) => source === "imported" && amount === 200000));
    const dates = invoiceRecords.map(({ date }) => date).sort().reverse();
    assert.deepEqual(latest?.map(({ date }) => date), dates.slice(0, 5));
    assert.ok(latest?.every(({ customer }) => customer !== undefined && customer.name.length > 0));
    assert.equal(rates?.find(({ base }) => base === "EUR")?.rateState, "fallback");
  });

  test("converts every invoice to euros", async () => {
    const invoices = [];
    for await (const invoice of tenon.paginate("/api/v2/invoices/{locale}", french)) invoices.push(invoice);
    assert.equal(invoices.length, invoiceRecords.length);
    for (const { amount, currency, original } of invoices) {
      assert.equal(currency, "EUR");
      assert.equal(original?.rate, "0.86");
      assert.equal(amount, toEuroCents(original?.amount ?? 0));
    }
  });

  test("exports the same data as CSV and NDJSON as the list", async () => {
    const list = [];
    const query = { expand: "customer", status: "pending" } as const;
    for await (const invoice of tenon.paginate("/api/v2/invoices/{locale}", { params: { ...french.params, query } })) {
      list.push(invoice);
    }
    const csv = await tenon.GET("/api/v2/invoice-exports/{locale}/csv", {
      params: { ...french.params, query: { status: "pending" } },
      parseAs: "text",
    });
    assert.equal(csv.response.headers.get("Content-Type"), "text/csv; charset=utf-8; header=present");
    assert.match(csv.response.headers.get("Content-Disposition") ?? "", /filename="invoices-fr-[\d-]+\.csv"/);
    const rows = parse(csv.data ?? "", { columns: true }) as Record<string, string>[];
    const actual = rows.map((row) => [row["id"], row["amount"], row["customer.name"], row["original.amount"]]);
    const escapeFormula = (value: string) => (/^[=+\-@\t\r\n]/.test(value) ? `'${value}` : value);
    const expected = list.map(({ id, amount, customer, original }) => [
      id,
      String(amount),
      escapeFormula(customer?.name ?? ""),
      String(original?.amount),
    ]);
    assert.ok(expected.length > 0);
    assert.deepEqual(actual, expected);
    const ndjson = await tenon.GET("/api/v2/invoice-exports/{locale}/ndjson", {
      params: { ...french.params, query },
      parseAs: "text",
    });
    const items = String(ndjson.data).trim().split("\n").map((line) => JSON.parse(line) as unknown);
    assert.deepEqual(items, list);
  });

  test("creates an invoice, rejects a stale update, renders a PDF and deletes it", async () => {
    const customer = invoiceRecords[0]?.customerId ?? "";
    const body = { customerId: customer, amount: 12345, status: "draft", date: "2026-11-20" } as const;
    const created = await tenon.unwrap(tenon.POST("/api/v2/invoices/{locale}", { ...american, body }));
    const path = { locale: "en-us", id: created.id };
    const first = await tenon.GET("/api/v2/invoices/{locale}/{id}", { params: { path } });
    const etag = first.response.headers.get("ETag") ?? "";
    const update = { params: { path, header: { "If-Match": etag } }, body: { amount: 23456 } };
    const updated = await tenon.unwrap(tenon.PATCH("/api/v2/invoices/{locale}/{id}", update));
    assert.equal(updated.amount, 23456);
    const stale = tenon.unwrap(tenon.PATCH("/api/v2/invoices/{locale}/{id}", update));
    await assert.rejects(stale, (error) => isProblem(error, "precondition-failed") && error.status === 412);
    const pdf = await tenon.GET("/api/v2/invoices/{locale}/{id}/pdf", { params: { path }, parseAs: "arrayBuffer" });
    const bytes = new Uint8Array((pdf.data as unknown as ArrayBuffer) ?? new ArrayBuffer(0));
    assert.equal(new TextDecoder().decode(bytes.slice(0, 5)), "%PDF-");
    assert.ok(bytes.length > 5000);
    const deleted = await tenon.DELETE("/api/v2/invoices/{locale}/{id}", { params: { path } });
    assert.equal(deleted.response.status, 204);
    const afterDelete = await tenon.GET("/api/v2/invoices/{locale}/{id}", { params: { path } });
    assert.equal(afterDelete.response.status, 404);
  });

  test("redirects from the old path", async () => {
    const send = () => fetch(`${service.url}/api/v1/revenues?limit=3`, { redirect: "manual" });
    let response = await send();
    // The import runs in another process, and the server polls for changed redirects.
    for (let attempts = 0; response.status === 404 && attempts < 100; attempts++) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      response = await send();
    }
    assert.equal(response.status, 307);
    assert.equal(response.headers.get("Location"), "/api/v2/revenues/en-us?limit=3");
  });
});
