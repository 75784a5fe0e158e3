/** Participants of a recipe in a test: clients of one keyspace in virtual time, each with a session of its own. */

import { prefixRange, rangeRequest } from "../../kv/requests.ts";
import { type MemoryClient, MemoryWorld } from "../../store/testing/memory-world.ts";
import { byteStringOfText, textOf } from "../../wire/byte-string.ts";
import { SharedSession } from "../shared-session.ts";

export interface Participant extends MemoryClient {
  readonly source: SharedSession;
}

export class Participants extends MemoryWorld {
  /** A client with a session of this time to live; ms, default 6000. */
  join(ttlMs = 6_000): Participant {
    const client = this.client();
    return { ...client, source: new SharedSession(client.store, { ttlMs }) };
  }

  /** Keys that exist now under a prefix. */
  keys(prefix = ""): string[] {
    const { key, rangeEnd } = prefixRange(byteStringOfText(prefix));
    return this.server.keyspace.range(rangeRequest(key, { rangeEnd })).kvs.map((kv) => textOf(kv.key));
  }
}

/** What becomes of a promise, to be looked at while time passes. */
export class Outcome<T> {
  value: T | undefined;
  /** Of its error; undefined: there is none so far. */
  code: string | undefined;
  readonly settled: Promise<void>;

  constructor(promise: Promise<T>) {
    this.settled = promise.then(
      (value) => {
        this.value = value;
      },
      (error: Error & { readonly code?: string }) => {
        this.code = error.code ?? error.message;
      },
    );
  }

  get pending(): boolean {
    return this.value === undefined && this.code === undefined;
  }
}
