/** Messages that were given up, with the reason; to be looked at, replayed or forgotten. */

import { bytes } from "../../kv/codec.ts";
import { entries } from "../../kv/pages.ts";
import { deleteOp, isCreatedAt, prefixEnd, prefixRange, putOp, rangeRequest } from "../../kv/requests.ts";
import type { ReadOptions } from "../../store/store.ts";
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { Combiner } from "../combiner.ts";
import { keyPart } from "../names.ts";
import type { WorkSessions } from "../session.ts";
import { Stamps } from "../stamps.ts";
import { decodeStored, encodeStored } from "./envelope.ts";
import { type Layout, tokenOf } from "./layout.ts";
import { entryOf, residueOps } from "./sender.ts";

/** A message that was given up. */
export interface DeadLetter<T> {
  readonly token: string;
  readonly value: T | null;
  readonly reason: string;
  /** When it was given up, by that consumer's clock; ms of Unix time. */
  readonly at: number;
  readonly attempts: number;
  readonly id: string | null;
  readonly key: string | null;
}

/** The messages of a queue that failed too often or were rejected, with the reasons: to look at, to send again, to drop. */
export class DeadLetters<T> {
  readonly #layout: Layout;
  readonly #sessions: WorkSessions;
  readonly #decode: (payload: ByteString) => T;

  /** @internal Queues make them. */
  constructor(layout: Layout, sessions: WorkSessions, decode: (payload: ByteString) => T) {
    this.#layout = layout;
    this.#sessions = sessions;
    this.#decode = decode;
  }

  /** All of them, the oldest first. A value that cannot be read is null. */
  async *list(options: ReadOptions = {}): AsyncGenerator<DeadLetter<T>, void, undefined> {
    const { store } = this.#sessions;
    const range = prefixRange(this.#layout.allDead);
    for await (const { key, revision } of entries(
      store,
      range,
      { prefix: "", codec: bytes },
      { ...options, keysOnly: true },
    )) {
      const { kvs } = await store.range(rangeRequest(key, { revision }), options);
      if (kvs[0] !== undefined) yield await this.#letter(kvs[0]);
    }
  }

  /** Sends one again; to the end of its line if it has a key. Its attempts begin anew. Returns whether it was there. */
  async replay(token: string): Promise<boolean> {
    const { store } = this.#sessions;
    const key = this.#layout.dead(token);
    const combiner = new Combiner(store, await this.#sessions.current(), this.#layout.writers, 1);
    const stamps = new Stamps(store);
    for (;;) {
      const kv = (await store.range(rangeRequest(key))).kvs[0];
      if (kv === undefined) return false;
      const { envelope, payload } = decodeStored(kv.key, kv.value);
      const { dead: _, ...alive } = envelope;
      const part = alive.k === undefined ? null : keyPart(alive.k, "a message's key");
      const entry = entryOf(this.#layout, alive, part, stamps.next(), token, 0);
      const { succeeded } = await combiner.add({
        request: {
          compare: [isCreatedAt(key, kv.createRevision), ...entry.compare],
          success: [deleteOp(key), putOp(entry.key, encodeStored({ envelope: alive, payload }))],
          failure: [],
        },
        marks: entry.marks,
      });
      if (succeeded) return true;
    }
  }

  /** Forgets one. Returns whether it was there. */
  async drop(token: string): Promise<boolean> {
    const { store } = this.#sessions;
    const key = this.#layout.dead(token);
    const kv = (await store.range(rangeRequest(key))).kvs[0];
    if (kv === undefined) return false;
    const combiner = new Combiner(store, await this.#sessions.current(), this.#layout.writers, 1);
    const { envelope } = decodeStored(kv.key, kv.value);
    const { succeeded } = await combiner.add({
      request: {
        compare: [isCreatedAt(key, kv.createRevision)],
        success: [deleteOp(key), ...residueOps(this.#layout, envelope, token)],
        failure: [],
      },
    });
    return succeeded;
  }

  async #letter(kv: KeyValue): Promise<DeadLetter<T>> {
    const token = tokenOf(kv.key);
    const { envelope, payload } = decodeStored(kv.key, kv.value);
    const { dead = { reason: "", at: 0, attempts: 0 }, c: chunks = 0 } = envelope;
    let value: T | null;
    try {
      value = this.#decode(chunks === 0 ? payload : await this.#chunks(token));
    } catch {
      value = null;
    }
    const { reason, attempts } = dead;
    return { token, value, reason, at: dead.at, attempts, id: envelope.i ?? null, key: envelope.k ?? null };
  }

  async #chunks(token: ByteString): Promise<ByteString> {
    const prefix = this.#layout.chunks(token);
    const { kvs } = await this.#sessions.store.range(rangeRequest(prefix, { rangeEnd: prefixEnd(prefix) }));
    return kvs.map(({ value }) => value).join("");
  }
}
