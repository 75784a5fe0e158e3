/** The lives of keys under a prefix, from creation to deletion, as the cluster's one history has them. */
import type { ByteString } from "../../wire/kv.ts";
import type { Moment, Truth } from "../history.ts";

export interface KeyLife {
  readonly key: ByteString;
  readonly created: { readonly revision: number; readonly moment: Moment };
  /** The value it was created with. */
  readonly first: ByteString;
  /** The value it had last. */
  last: ByteString;
  /** Null: it is there at the end. */
  deleted: { readonly revision: number; readonly moment: Moment } | null;
}

/** In the order of their creation. */
export function livesUnder(truth: Truth, prefix: ByteString): KeyLife[] {
  const lives: KeyLife[] = [];
  const living = new Map<ByteString, KeyLife>();
  for (const { revision, events, committed: moment } of truth.changes) {
    for (const { type, kv } of events) {
      if (!kv.key.startsWith(prefix)) continue;
      const life = living.get(kv.key);
      if (type === "delete") {
        if (life !== undefined) life.deleted = { revision, moment };
        living.delete(kv.key);
      } else if (life === undefined) {
        const born = { key: kv.key, created: { revision, moment }, first: kv.value, last: kv.value, deleted: null };
        living.set(kv.key, born);
        lives.push(born);
      } else {
        life.last = kv.value;
      }
    }
  }
  return lives;
}

/** Whether it had been created and not yet deleted at a moment. */
export function livedAt({ created, deleted }: KeyLife, { order }: Moment): boolean {
  return created.moment.order < order && (deleted === null || deleted.moment.order > order);
}
