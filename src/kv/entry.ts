/** One version of a key, and one change of it, as a program reads them. */
import { bytesOf, textOf } from "../wire/byte-string.ts";
import type { ByteString, KeyValue, LeaseId, WatchEvent } from "../wire/kv.ts";
import { type Codec, decodeWith, parseJson, text } from "./codec.ts";

/** How keys and values are read: of which namespace, with which codec. */
export interface Reading<Out> {
  /** Keys are told without it. */
  readonly prefix: ByteString;
  readonly codec: Codec<never, Out>;
}

/** One version of a key. */
export class Entry<Out = string> {
  readonly #kv: KeyValue;
  readonly #reading: Reading<Out>;

  constructor(kv: KeyValue, reading: Reading<Out>) {
    this.#kv = kv;
    this.#reading = reading;
  }

  /** As text, without the namespace's prefix; what is no UTF-8 becomes U+FFFD. */
  get key(): string {
    return textOf(this.#kv.key.slice(this.#reading.prefix.length));
  }

  /** As bytes, without the namespace's prefix. */
  get keyBytes(): Uint8Array {
    return bytesOf(this.#kv.key.slice(this.#reading.prefix.length));
  }

  /** The revision that made this version: compare with it to change only what was read. */
  get revision(): number {
    return this.#kv.modRevision;
  }

  /** The revision that made the key. */
  get createRevision(): number {
    return this.#kv.createRevision;
  }

  /** 1 when it was made, one more with each put. */
  get version(): number {
    return this.#kv.version;
  }

  /** 0n: none. */
  get lease(): LeaseId {
    return this.#kv.lease;
  }

  /** As the codec reads it: text unless `of` gave another. @throws QuorateError `NOT_TEXT`, `NOT_JSON`, `INVALID_VALUE` */
  get value(): Out {
    return decodeWith(this.#reading.codec, this.#kv.value);
  }

  bytes(): Uint8Array {
    return bytesOf(this.#kv.value);
  }

  /** @throws QuorateError `NOT_TEXT` */
  text(): string {
    return text.decode(this.bytes());
  }

  /** Unchecked. @throws QuorateError `NOT_JSON` */
  json<T = unknown>(): T {
    return parseJson(this.bytes()) as T;
  }
}

/** A put or a deletion, as a watch tells it. */
export class Change<Out = string> {
  readonly type: "put" | "delete";
  /** As `Entry.key`. */
  readonly key: string;
  /** Changes of one revision were made at once. */
  readonly revision: number;
  /** What the key is now; null: deleted. */
  readonly entry: Entry<Out> | null;
  /** What it was, where that was asked for; null: it was not, or that is compacted. */
  readonly previous: Entry<Out> | null;

  constructor({ type, kv, prevKv }: WatchEvent, reading: Reading<Out>) {
    const entry = new Entry(kv, reading);
    this.type = type;
    this.key = entry.key;
    this.revision = kv.modRevision;
    this.entry = type === "put" ? entry : null;
    this.previous = prevKv === null ? null : new Entry(prevKv, reading);
  }

  /** As the codec reads it; null: deleted. */
  get value(): Out | null {
    return this.entry === null ? null : this.entry.value;
  }

  /** Null: deleted. */
  text(): string | null {
    return this.entry?.text() ?? null;
  }

  /** Null: deleted. */
  bytes(): Uint8Array | null {
    return this.entry?.bytes() ?? null;
  }

  /** Null: deleted. Unchecked. */
  json<T = unknown>(): T | null {
    return this.entry?.json<T>() ?? null;
  }
}
