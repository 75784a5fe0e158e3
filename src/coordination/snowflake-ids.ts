/**
 * Numbers that nobody else gets, nearly in the order of time, without a call for most of them: 64 bits, 41 of time (ms
 * since 2024), 10 of a worker, 12 of a sequence.
 *
 *     snowflake/<name>//worker/<0…1023>     on the session's lease: the number of one program; value: as below
 *     snowflake/<name>//until/<0…1023>      stays: no id with a time from here on was given out by this worker, ms
 *
 * Promises: each id is given once, whatever clocks do: a worker gives out only times that it has reserved, and begins
 * behind what was reserved before. One program's ids grow.
 *
 * Does not promise: that ids of different programs are in the order of time: nearly so, where clocks are right.
 *
 * How it fails: `EXHAUSTED` when all 1024 workers are taken. Whose session is lost finds another worker with the next id.
 *
 * Sources: Twitter's snowflake and Hazelcast's Flake ids for the shape.
 */
import { assert } from "../errors.ts";
import { comparison, getOp, isAbsent, putOp, rangeAt, rangeRequest } from "../kv/requests.ts";
import type { Wait } from "../kv/wait.ts";
import type { CallOptions } from "../store/store.ts";
import type { ByteString } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { numberOf } from "./counter.ts";
import { exhausted } from "./errors.ts";
import { Hold } from "./hold.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** 2024-01-01T00:00:00Z, ms. */
const EPOCH_MS = 1_704_067_200_000;
const WORKERS = 1_024;
const WORKER_BITS = 10n;
const SEQUENCE_BITS = 12n;
const SEQUENCES = 4_096;
/** How far ahead times are reserved, ms. */
const RESERVE_MS = 10_000;

/** A worker's number, held, and the times that it may use. */
interface Minter {
  readonly hold: Hold;
  readonly number: bigint;
  /** Not from here on, ms since the epoch. */
  until: number;
  /** The last id's. */
  time: number;
  sequence: number;
}

/** 64-bit numbers, each given once whatever clocks do, nearly in the order of time. Keep the object. */
export class SnowflakeIds {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #what: string;
  #worker: Minter | null = null;
  #preparing: Promise<void> | null = null;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string) {
    this.name = name;
    this.#source = source;
    this.#prefix = recipePrefix("snowflake", name);
    this.#what = described("snowflake ids", name);
  }

  /** Positive, below 2^63. */
  async next(options?: CallOptions): Promise<bigint> {
    for (;;) {
      const id = this.#atOnce();
      if (id !== null) return id;
      this.#preparing ??= this.#prepare(options).finally(() => {
        this.#preparing = null;
      });
      await this.#preparing;
    }
  }

  /** Null: there is no worker, or its reserve is used up. */
  #atOnce(): bigint | null {
    const worker = this.#worker;
    if (worker === null || !worker.hold.held) return null;
    // The wall clock gives ids their order in time and nothing else: that none comes twice rests on `time` and `until`.
    const now = this.#source.store.clock.wallClock() - EPOCH_MS;
    let { time, sequence } = worker;
    if (now > time) {
      time = now;
      sequence = 0;
    } else {
      sequence += 1;
      if (sequence === SEQUENCES) {
        time += 1;
        sequence = 0;
      }
    }
    if (time >= worker.until) return null;
    assert(time > worker.time || sequence > worker.sequence, "an id would be given twice");
    worker.time = time;
    worker.sequence = sequence;
    return (BigInt(time) << (WORKER_BITS + SEQUENCE_BITS)) | (worker.number << SEQUENCE_BITS) | BigInt(sequence);
  }

  async #prepare(options: CallOptions | undefined): Promise<void> {
    await admit(this.#source, options, async (session, wait) => {
      if (this.#worker?.hold.held !== true) await this.#hire(session, wait);
      else await this.#reserve(this.#worker, wait);
    });
  }

  /** Takes a number that nobody has, beginning anywhere, so that few try the same. */
  async #hire(session: Session, wait: Wait): Promise<void> {
    const first = this.#source.store.random.uint32() % WORKERS;
    for (let at = 0; at < WORKERS; at++) {
      const number = (first + at) % WORKERS;
      const key = `${this.#prefix}worker/${number}`;
      const request = { compare: [isAbsent(key)], success: [getOp(this.#until(number))], failure: [] };
      const settled = await session.writes.take(request, { key, value: "" }, wait);
      if (!settled.applied) continue;
      const hold = new Hold(`worker ${number} of ${this.#what}`, { session, key, revision: settled.revision });
      const found = settled.responses === null ? null : rangeAt(settled.responses, 0);
      const kvs =
        found?.kvs ?? (await wait.for(this.#source.store.range(rangeRequest(this.#until(number)), wait.call()))).kvs;
      const until = Number(numberOf(kvs[0]?.value ?? null, this.#what));
      // Behind this program's own ids, too: the wall clock may have gone back since the last of them.
      const time = Math.max(until - 1, this.#worker?.time ?? 0);
      const worker = { hold, number: BigInt(number), until, time, sequence: SEQUENCES - 1 };
      await this.#reserve(worker, wait);
      this.#worker = worker;
      return;
    }
    throw exhausted(this.#what, WORKERS);
  }

  /** May be made twice: it only ever grows, and only this worker's holder makes it. */
  async #reserve(worker: Minter, wait: Wait): Promise<void> {
    const now = this.#source.store.clock.wallClock() - EPOCH_MS;
    const until = Math.max(now, worker.time) + RESERVE_MS;
    const key = this.#until(Number(worker.number));
    const { session } = worker.hold;
    const request = {
      compare: [comparison(worker.hold.key, { createRevision: Number(worker.hold.fence) })],
      success: [putOp(key, `${until}`)],
      failure: [],
    };
    const mark = { key: worker.hold.key, value: `${until}` };
    const settled = await wait.for(session.writes.transact(request, mark));
    if (settled.applied) worker.until = until;
    else await worker.hold[Symbol.asyncDispose]();
  }

  #until(number: number): ByteString {
    return `${this.#prefix}until/${number}`;
  }
}
