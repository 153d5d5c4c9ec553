export interface MemoryOptions {
  /** How many answers are kept at most; 500 unless told. */
  entries?: number;
  /** How many bytes they have together at most; 10 MB unless told. */
  bytes?: number;
}

export interface Entry {
  etag: string;
  /** Left out when only the version is known, as after a create. */
  body?: ArrayBuffer;
  headers?: Headers;
}

/** The answers used last, by key, within bounds. */
export class Memory {
  readonly #entries = new Map<string, Entry & { size: number }>();
  readonly #limit: { entries: number; bytes: number };
  #bytes = 0;

  constructor({ entries = 500, bytes = 10_000_000 }: MemoryOptions = {}) {
    this.#limit = { entries, bytes };
  }

  get(key: string): Entry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  set(key: string, entry: Entry): void {
    this.delete(key);
    // Keys, tags and fields count for something too, or tags alone would never reach the bound.
    const size = 2 * key.length + (entry.body?.byteLength ?? 0) + (entry.headers ? 1000 : 100);
    if (size > this.#limit.bytes) return;
    this.#entries.set(key, { ...entry, size });
    this.#bytes += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit.entries && this.#bytes <= this.#limit.bytes) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#bytes -= entry.size;
    this.#entries.delete(key);
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }
}
