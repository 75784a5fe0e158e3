/** A watch as a stream of changes that goes on by itself, from where it was, through all that passes. */
import type { CallOptions, Store } from "../store/store.ts";
import type { WatchEvent } from "../wire/kv.ts";
import { Backoff } from "./backoff.ts";
import { Change, type Reading } from "./entry.ts";
import type { KeyRange } from "./follow.ts";
import { isRetryable, Wait } from "./wait.ts";

/** From where on, and what a watch tells. */
export interface WatchOptions extends Pick<CallOptions, "signal"> {
  /** The first revision to tell of; default: what comes after it began. */
  readonly from?: number;
  /** Also tell what was there before. */
  readonly previous?: boolean;
  /** Changes to leave out. */
  readonly without?: readonly WatchEvent["type"][];
}

export async function* changes<Out>(
  store: Store,
  range: KeyRange,
  reading: Reading<Out>,
  { signal, from = 0, previous = false, without = [] }: WatchOptions,
): AsyncGenerator<Change<Out>, void, undefined> {
  using wait = new Wait(store.clock, signal === undefined ? {} : { signal });
  const backoff = new Backoff(store.random);
  let startRevision = from;
  while (!wait.over) {
    const watch = store.watch(
      { ...range, startRevision, prevKv: previous, without, progress: false },
      { signal: wait.signal },
    );
    try {
      if (startRevision === 0) startRevision = await wait.for(watch.ready);
      for await (const { events, revision } of watch) {
        backoff.reset();
        for (const event of events) yield new Change(event, reading);
        startRevision = revision + 1;
      }
      return;
    } catch (error) {
      if (wait.over) return;
      if (!isRetryable(error)) throw error;
      await wait.sleep(backoff.next()).catch(() => undefined);
    }
  }
}
