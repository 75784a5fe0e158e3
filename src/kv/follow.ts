/**
 * A range of keys and every change of it: what is there now, then each revision that changed it, without end.
 *
 *     range (linearizable, revision r) ──▶ state ──▶ watch from r + 1 ──▶ state ──▶ …
 *        ▲                                               │
 *        └──────(the watch ended with an error: read anew, and tell the difference)
 *
 * Promises: each state was the true one at its revision; states come in order; it goes on through all that passes, and
 * ends with an error for what does not (closed, permission denied). When the past was compacted, changes in between are
 * told as one.
 */
import type { Store } from "../store/store.ts";
import type { ByteString, KeyValue, WatchEvent } from "../wire/kv.ts";
import { Backoff } from "./backoff.ts";
import { rangeRequest } from "./requests.ts";
import { hasCode, isRetryable, Wait } from "./wait.ts";

/** `key` and `rangeEnd` of a request. */
export interface KeyRange {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
}

/** What a range holds at a revision. */
export interface Followed {
  readonly revision: number;
  /** In the order in which they were created or found; the same object each time, brought forward. */
  readonly kvs: ReadonlyMap<ByteString, KeyValue>;
  /** What was changed since the state before; at first: a put for each key. */
  readonly events: readonly WatchEvent[];
}

/** States of a range until `signal` is aborted, which is no error. */
export async function* follow(
  store: Store,
  range: KeyRange,
  { signal }: { readonly signal?: AbortSignal } = {},
): AsyncGenerator<Followed, void, undefined> {
  const kvs = new Map<ByteString, KeyValue>();
  const watching = new AbortController();
  using wait = new Wait(store.clock, signal === undefined ? {} : { signal });
  const stop = (): void => watching.abort();
  wait.signal.addEventListener("abort", stop, { once: true });
  const backoff = new Backoff(store.random);
  try {
    while (!wait.over) {
      try {
        const { kvs: found, header } = await wait.for(store.range(rangeRequest(range.key, range), wait.call()));
        const { revision } = header;
        const events = replace(kvs, found, revision);
        yield { revision, kvs, events };
        const request = { ...range, startRevision: revision + 1, prevKv: false, without: [], progress: false };
        for await (const batch of store.watch(request, { signal: watching.signal })) {
          backoff.reset();
          if (batch.events.length === 0) continue;
          for (const event of batch.events) applyEvent(kvs, event);
          yield { revision: batch.revision, kvs, events: batch.events };
        }
        if (store.state.is === "closed") return;
      } catch (error) {
        if (wait.over) return;
        if (!isRetryable(error) && !hasCode(error, "COMPACTED")) throw error;
        await wait.sleep(backoff.next()).catch(() => undefined);
      }
    }
  } finally {
    stop();
  }
}

/** Brings a map forward by one event. */
export function applyEvent(kvs: Map<ByteString, KeyValue>, { type, kv }: WatchEvent): void {
  if (type === "put") kvs.set(kv.key, kv);
  else kvs.delete(kv.key);
}

/** Brings `kvs` to what was found, and says what that changed. */
function replace(kvs: Map<ByteString, KeyValue>, found: readonly KeyValue[], revision: number): WatchEvent[] {
  const events: WatchEvent[] = [];
  const there = new Set(found.map(({ key }) => key));
  for (const [key, kv] of kvs) {
    if (there.has(key)) continue;
    const gone = { ...kv, createRevision: 0, modRevision: revision, version: 0, value: "", lease: 0n };
    events.push({ type: "delete", kv: gone, prevKv: kv });
  }
  for (const kv of found) {
    const before = kvs.get(kv.key) ?? null;
    if (before?.modRevision !== kv.modRevision) events.push({ type: "put", kv, prevKv: before });
  }
  for (const event of events) applyEvent(kvs, event);
  return events;
}
