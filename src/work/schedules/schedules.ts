/**
 * Tasks that are submitted at their times, each time once.
 *
 *     schedule//s/<name>      when, which task, and the next time
 *
 *     (next time has come) ─▶ txn: schedule as I saw it ─▶ schedule with the time after, task "<name>@<time>", its message
 *
 * Any number of programs run schedules. All see the time come, and the transaction lets one: it moves the schedule on and
 * submits the task at once. Promises: each time is fired once, or is missed as `missed` says. Does not promise: to be more
 * exact than the clocks of the programs, or to fire while none of them runs.
 */
import { Backoff } from "../../kv/backoff.ts";
import { follow } from "../../kv/follow.ts";
import { comparison, deleteRequest, prefixRange, putOp, putRequest, rangeRequest } from "../../kv/requests.ts";
import { hasCode, isRetryable, Wait } from "../../kv/wait.ts";
import type { CallOptions } from "../../store/store.ts";
import type { ByteString, KeyValue } from "../../wire/kv.ts";
import { invalid, malformed } from "../errors.ts";
import { keyPart, textOfPart } from "../names.ts";
import type { WorkSessions } from "../session.ts";
import { decodeJson, encodeJson } from "../tasks/record.ts";
import type { TaskType } from "../tasks/tasks.ts";
import { nextTime, type When } from "./calendar.ts";

/** What happens to times at which no program ran: nothing, one task for all of them, or one for each. */
export type Missed = "skip" | "once" | "all";

/** A schedule as it is given. */
export type ScheduleOptions = When & {
  /** The task's type. */
  readonly task: string;
  readonly input?: unknown;
  /** Default: once. */
  readonly missed?: Missed;
};

/** A schedule as it is kept; `next`: ms of Unix time, null: never again. */
export type Schedule = ScheduleOptions & { readonly name: string; readonly next: number | null };

type Kept = ScheduleOptions & { readonly next: number | null };

const PREFIX = "schedule//s/";
/** Later than this is missed. */
const GRACE_MS = 60_000;
/** So that not all programs fire at the same moment. */
const JITTER_MS = 25;
const LONGEST_SLEEP_MS = 60_000;

/** What is to be done at its times, each time once, by whichever program runs schedules then. */
export class Schedules {
  readonly #sessions: WorkSessions;
  readonly #type: (name: string) => TaskType<unknown, unknown>;

  /** @internal `q.schedules` is one. */
  constructor(sessions: WorkSessions, type: (name: string) => TaskType<unknown, unknown>) {
    this.#sessions = sessions;
    this.#type = type;
  }

  /** Makes or replaces a schedule. Returns when it is next due. @throws QuorateError `INVALID_ARGUMENT` */
  async put(name: string, options: ScheduleOptions, call?: CallOptions): Promise<number | null> {
    const { missed = "once" } = options;
    if (!["skip", "once", "all"].includes(missed)) {
      throw invalid(`missed is ${JSON.stringify(missed)}: give "skip", "once" or "all"`);
    }
    if (typeof options.task !== "string") throw invalid("a schedule has no task: give the name of its type");
    const { store } = this.#sessions;
    const next = nextTime(options, store.clock.wallClock());
    await store.put(putRequest(keyOf(name), encodeJson({ ...options, missed, next } satisfies Kept)), call);
    return next;
  }

  /** Returns whether it was there. */
  async delete(name: string, call?: CallOptions): Promise<boolean> {
    return (await this.#sessions.store.deleteRange(deleteRequest(keyOf(name)), call)).deleted > 0;
  }

  async list(call?: CallOptions): Promise<readonly Schedule[]> {
    const { key, rangeEnd } = prefixRange(PREFIX);
    const { kvs } = await this.#sessions.store.range(rangeRequest(key, { rangeEnd }), call);
    return kvs.map((kv) => ({ ...keptIn(kv), name: nameOf(kv.key) }));
  }

  /** Fires what is due, until the signal is aborted. @throws QuorateError why it cannot go on */
  async run({ signal }: Pick<CallOptions, "signal"> = {}): Promise<void> {
    const { store } = this.#sessions;
    using wait = new Wait(store.clock, signal === undefined ? {} : { signal });
    const known = new Map<ByteString, KeyValue>();
    let wake = (): void => undefined;
    const watching = (async () => {
      for await (const { kvs } of follow(store, prefixRange(PREFIX), { signal: wait.signal })) {
        known.clear();
        for (const [key, kv] of kvs) known.set(key, kv);
        wake();
      }
    })();
    const backoff = new Backoff(store.random);
    const firing = (async () => {
      while (!wait.over) {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        try {
          await Promise.all(due(known, store.clock.wallClock()).map((kv) => this.#fire(kv, known)));
          backoff.reset();
        } catch (error) {
          if (wait.over) return;
          // To fire it again does no harm: the schedule has moved on if it was fired.
          if (!isRetryable(error) && !hasCode(error, "OUTCOME_UNKNOWN")) throw error;
          await wait.sleep(backoff.next()).catch(() => undefined);
        }
        const ms = msToNext(known, store.clock.wallClock()) + (store.random.uint32() % JITTER_MS);
        const timer = store.clock.after(ms, resolve);
        await wait.for(promise).catch(() => undefined);
        timer.cancel();
      }
    })();
    await Promise.race([Promise.all([watching, firing]), watching.then(() => firing)]);
  }

  async #fire(kv: KeyValue, known: Map<ByteString, KeyValue>): Promise<void> {
    const { store } = this.#sessions;
    const kept = keptIn(kv);
    const now = store.clock.wallClock();
    const at = kept.next ?? now;
    const isMissed = now - at > GRACE_MS;
    // All: one after the other. Else times in between are passed over.
    const next = nextTime(kept, isMissed && kept.missed !== "all" ? now : at);
    const moved = putOp(kv.key, encodeJson({ ...kept, next } satisfies Kept));
    const asSeen = comparison(kv.key, { modRevision: kv.modRevision });
    // What comes of it is told by the watch; until then it is not fired again.
    known.delete(kv.key);
    try {
      const isSkipped = isMissed && kept.missed === "skip";
      if (!isSkipped) {
        const id = `${nameOf(kv.key)}@${at}`;
        const beside = { compare: [asSeen], success: [moved] };
        const { duplicate } = await this.#type(kept.task).submitWith(kept.input ?? null, { id }, beside);
        if (!duplicate) return;
      }
      // Passed over, or fired before the schedule was replaced. Where another was quicker, nothing is written.
      await store.txn({ compare: [asSeen], success: [moved], failure: [] });
    } catch (error) {
      if (!known.has(kv.key)) known.set(kv.key, kv);
      throw error;
    }
  }
}

function keyOf(name: string): ByteString {
  return `${PREFIX}${keyPart(name, "a schedule's name")}`;
}

function nameOf(key: ByteString): string {
  return textOfPart(key.slice(PREFIX.length));
}

/** @throws QuorateError `MALFORMED` */
function keptIn(kv: KeyValue): Kept {
  const kept = decodeJson(kv.key, kv.value) as Kept | null;
  if (typeof kept?.task !== "string") throw malformed(`the schedule at ${kv.key}`);
  return kept;
}

function due(known: ReadonlyMap<ByteString, KeyValue>, now: number): readonly KeyValue[] {
  return [...known.values()].filter((kv) => (keptIn(kv).next ?? Number.POSITIVE_INFINITY) <= now);
}

function msToNext(known: ReadonlyMap<ByteString, KeyValue>, now: number): number {
  const times = [...known.values()].map((kv) => keptIn(kv).next ?? Number.POSITIVE_INFINITY);
  return Math.max(1, Math.min(LONGEST_SLEEP_MS, ...times.map((time) => time - now)));
}
