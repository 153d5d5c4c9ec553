export interface EtagCacheOptions {
  /** Maximum number of entries. Default: 500. */
  maxEntries?: number;
  /** Maximum total size in bytes. Default: 10,000,000. */
  maxBytes?: number;
}

export interface CacheEntry {
  etag: string;
  /** Absent if only the ETag is known, such as after a create. */
  body?: ArrayBuffer;
  headers?: Headers;
}

/** A least-recently-used cache of ETags and response bodies, limited by entries and bytes. */
export class EtagCache {
  // A `Map` iterates in insertion order, so the first key is the least recently used.
  readonly #entries = new Map<string, CacheEntry & { size: number }>();
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  #bytes = 0;

  constructor({ maxEntries = 500, maxBytes = 10_000_000 }: EtagCacheOptions = {}) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
  }

  get(key: string): CacheEntry | undefined {
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      this.#entries.delete(key);
      this.#entries.set(key, entry);
    }
    return entry;
  }

  set(key: string, entry: CacheEntry): void {
    this.delete(key);
    // The size includes keys and headers, so that entries without a body count against the limit too.
    const size = 2 * key.length + (entry.body?.byteLength ?? 0) + (entry.headers ? 1000 : 100);
    if (size > this.#maxBytes) return;
    this.#entries.set(key, { ...entry, size });
    this.#bytes += size;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#maxEntries && this.#bytes <= this.#maxBytes) break;
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
