/**
 * Puts messages into a queue. Those of one turn go in one transaction.
 *
 *     id given?   i/<id> absent            ─▶ i/<id> on a lease of the window
 *     key given?  nothing later in its line ─▶ k/<lane>/<key>/<token>      else again, with a later token
 *     delayed?                              ─▶ d/<due>/<token>
 *     else                                  ─▶ m/<lane>/<priority>/<token>
 *     large?      chunks on the sender's lease first; the transaction takes them off it
 */
import { QuorateError } from "../../errors.ts";
import { Backoff } from "../../kv/backoff.ts";
import {
  deleteOp,
  getOp,
  isAbsent,
  isCreatedAt,
  prefixEnd,
  prefixRange,
  putOp,
  rangeRequest,
} from "../../kv/requests.ts";
import { Wait } from "../../kv/wait.ts";
import type { CallOptions } from "../../store/store.ts";
import type { ByteString, Compare, RequestOp } from "../../wire/kv.ts";
import { Combiner, MOST_OPS, type Stepped } from "../combiner.ts";
import { invalid, queueFull } from "../errors.ts";
import { keyPart } from "../names.ts";
import type { WorkSession, WorkSessions } from "../session.ts";
import { Shelf } from "../shelf.ts";
import { Stamps } from "../stamps.ts";
import { type Envelope, encodeStored } from "./envelope.ts";
import { type Layout, LOWEST_PRIORITY, placeOf } from "./layout.ts";

/** How a message is sent. */
export interface SendOptions extends CallOptions {
  /** Messages with the same key come one after the other, in the order in which their sends were acknowledged. */
  readonly key?: string;
  /** 0 (first) to 9; default 5. Not together with `key`. */
  readonly priority?: number;
  /** Not before so many ms have passed, by the clocks of consumers. */
  readonly delayMs?: number;
  /** Sent once within the queue's `dedupeMs`, whoever sends it how often. */
  readonly id?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes to the same consumer as others with this, as long as that one keeps up. */
  readonly affinity?: string;
}

/** A message that was taken. */
export interface Sent {
  /** The message's own name. */
  readonly token: string;
  /** One with this id had been sent before: nothing was written. */
  readonly duplicate: boolean;
}

/** Writes that are made with the message, if it is taken, and what they depend on. */
export interface Beside {
  readonly compare?: readonly Compare[];
  readonly success: readonly RequestOp[];
}

/** Where a message is going to be when it is ready. */
export interface MessagePlace {
  readonly lane: number;
  readonly priority: number;
  readonly token: ByteString;
}

export interface SenderOptions {
  readonly maxLength: number;
  readonly dedupeMs: number;
}

const DEFAULT_PRIORITY = 5;
/** Payloads up to this are stored with the message; bytes. */
const LARGEST_WHOLE = 64 * 1_024;
const CHUNK_BYTES = 256 * 1_024;
const MOST_CHUNKS = MOST_OPS - 8;
/** Longer than a writer's session, so that no write meets a lease that ended while its outcome was found out. */
const ID_MARGIN_MS = 900_000;

export class Sender {
  readonly #layout: Layout;
  readonly #sessions: WorkSessions;
  readonly #options: SenderOptions;
  readonly #what: string;
  readonly #stamps: Stamps;
  #combiner: Combiner | null = null;
  #nextLane: number;
  readonly #ids: Shelf;
  #room = 0;

  constructor(layout: Layout, sessions: WorkSessions, what: string, options: SenderOptions) {
    this.#layout = layout;
    this.#sessions = sessions;
    this.#options = options;
    this.#what = what;
    this.#stamps = new Stamps(sessions.store);
    this.#ids = new Shelf(sessions.store, options.dedupeMs, ID_MARGIN_MS);
    this.#nextLane = sessions.store.random.uint32() % layout.lanes;
  }

  /**
   * @param beside also written, in the same transaction
   * @throws QuorateError `QUEUE_FULL`, `OUTCOME_UNKNOWN`
   */
  async send(
    payload: ByteString,
    options: SendOptions = {},
    beside: (place: MessagePlace) => Beside = () => ({ success: [] }),
  ): Promise<Sent> {
    const { key, id, delayMs = 0, headers, affinity } = options;
    const priority = checkedPriority(options);
    if (!(delayMs >= 0)) throw invalid(`delayMs is ${String(delayMs)}: give milliseconds, 0 or more`);
    const idKey = id === undefined ? null : this.#layout.id(keyPart(id, "a message's id"));
    const part = key === undefined ? null : keyPart(key, "a message's key");
    const { store } = this.#sessions;
    using wait = new Wait(store.clock, options);
    const combiner = this.#combinerOf(await this.#sessions.current(wait.call()));
    await this.#awaitRoom(wait, options.timeoutMs !== undefined || options.signal !== undefined);
    const lane = this.#lane(part ?? affinity ?? null);
    const at = store.clock.wallClock();
    const token = this.#stamps.next();
    const more = beside({ lane, priority, token });
    const chunks = await this.#putChunks(combiner.session, token, payload, wait);
    const envelope: Envelope = {
      l: lane,
      p: priority,
      at,
      ...(key === undefined ? {} : { k: key }),
      ...(id === undefined ? {} : { i: id }),
      ...(chunks.count === 0 ? {} : { c: chunks.count }),
      ...(headers === undefined ? {} : { h: headers }),
    };
    const value = encodeStored({ envelope, payload: chunks.count === 0 ? payload : "" });
    const idOps = idKey === null ? [] : [putOp(idKey, token, await this.#ids.lease(wait))];
    for (let place = token; ; place = this.#stamps.next()) {
      const entry = entryOf(this.#layout, envelope, part, place, token, delayMs > 0 ? at + delayMs : 0);
      const compare = [
        ...(idKey === null ? [] : [isAbsent(idKey)]),
        ...entry.compare,
        ...chunks.compare,
        ...(more.compare ?? []),
      ];
      const success = [putOp(entry.key, value), ...idOps, ...chunks.release, ...more.success];
      const failure = [...(idKey === null ? [] : [getOp(idKey)]), ...(entry.last === null ? [] : [entry.last])];
      // Not raced with the wait: what has left may be taken, and is told as such.
      wait.check();
      const stepped = await combiner.add({ request: { compare, success, failure }, marks: entry.marks });
      if (stepped.succeeded) return { token, duplicate: false };
      if (!(await this.#isCrowded(stepped, idKey, entry.last))) {
        await this.#dropChunks(token, chunks.count);
        return { token: await this.#firstToken(stepped, idKey), duplicate: true };
      }
    }
  }

  /** Whether only the line had a later message: the next token is greater than it. */
  async #isCrowded(stepped: Stepped, idKey: ByteString | null, last: RequestOp | null): Promise<boolean> {
    if (last?.type !== "range") return false;
    const { kvs } = await this.#sessions.store.range(last.request);
    const found = kvs[0];
    if (found !== undefined) this.#stamps.seen(placeOf(found.key));
    if (idKey === null) return true;
    return (await this.#firstToken(stepped, idKey)) === "";
  }

  /** Of the message that was sent with the id before. */
  async #firstToken(stepped: Stepped, idKey: ByteString | null): Promise<string> {
    if (idKey === null) return "";
    const answered = stepped.responses?.[0];
    if (answered?.type === "range") return answered.result.kvs[0]?.value ?? "";
    return (await this.#sessions.store.range(rangeRequest(idKey))).kvs[0]?.value ?? "";
  }

  #combinerOf(session: WorkSession): Combiner {
    if (this.#combiner?.session !== session) {
      // One transaction at a time: what this program sends first is there first.
      this.#combiner = new Combiner(this.#sessions.store, session, this.#layout.writers, 1);
    }
    return this.#combiner;
  }

  #lane(key: ByteString | null): number {
    if (key !== null) return this.#layout.laneOf(key);
    this.#nextLane = (this.#nextLane + 1) % this.#layout.lanes;
    return this.#nextLane;
  }

  /** Counts anew when what was seen to be free is used up. Others may use it up, too: see the header of `queue.ts`. */
  async #awaitRoom(wait: Wait, isPatient: boolean): Promise<void> {
    const { maxLength } = this.#options;
    if (maxLength === Number.POSITIVE_INFINITY) return;
    const { store } = this.#sessions;
    const backoff = new Backoff(store.random, 10, 500);
    while (this.#room <= 0) {
      const ops = ["m/", "k/", "d/"].map((kind) => {
        const { key, rangeEnd } = prefixRange(`${this.#layout.prefix}${kind}`);
        return getOp(key, { rangeEnd, countOnly: true });
      });
      const { responses } = await wait.for(store.txn({ compare: [], success: ops, failure: [] }, wait.call()));
      const length = responses.reduce((sum, one) => sum + (one.type === "range" ? one.result.count : 0), 0);
      // A share of what is free, so that several programs that count at once do not fill it several times.
      this.#room = Math.ceil((maxLength - length) / 4);
      if (this.#room > 0) break;
      if (!isPatient) throw queueFull(this.#what, maxLength);
      await wait.sleep(backoff.next());
    }
    this.#room -= 1;
  }

  async #putChunks(session: WorkSession, token: ByteString, payload: ByteString, wait: Wait): Promise<Chunks> {
    if (payload.length <= LARGEST_WHOLE) return { count: 0, compare: [], release: [] };
    const count = Math.ceil(payload.length / CHUNK_BYTES);
    if (count > MOST_CHUNKS) {
      throw invalid(
        `a message has ${payload.length} bytes: the most is ${MOST_CHUNKS * CHUNK_BYTES}; put it elsewhere, and send where`,
      );
    }
    const compare: Compare[] = [];
    const release: RequestOp[] = [];
    for (let at = 0; at < count; at++) {
      const key = this.#layout.chunk(token, at);
      const value = payload.slice(at * CHUNK_BYTES, (at + 1) * CHUNK_BYTES);
      // On the lease until the message is there: a sender that dies in between leaves nothing behind.
      const { revision } = await this.#putChunk(session, key, value, wait);
      compare.push(isCreatedAt(key, revision));
      release.push({
        type: "put",
        request: { key, value: "", lease: 0n, prevKv: false, ignoreValue: true, ignoreLease: false },
      });
    }
    return { count, compare, release };
  }

  async #putChunk(session: WorkSession, key: ByteString, value: ByteString, wait: Wait): Promise<{ revision: number }> {
    const mark = { key, value };
    const settled = await wait.for(session.writes.transact({ compare: [], success: [], failure: [] }, mark));
    return { revision: settled.revision };
  }

  async #dropChunks(token: ByteString, count: number): Promise<void> {
    if (count === 0) return;
    const prefix = this.#layout.chunks(token);
    await this.#sessions.store
      .deleteRange({ key: prefix, rangeEnd: prefixEnd(prefix), prevKv: false })
      .catch((error: unknown) => {
        // They end with the sender's session.
        if (!(error instanceof QuorateError)) throw error;
      });
  }
}

interface Chunks {
  readonly count: number;
  readonly compare: readonly Compare[];
  readonly release: readonly RequestOp[];
}

/** Where a message is put. */
export interface EntryPlace {
  readonly key: ByteString;
  readonly compare: readonly Compare[];
  readonly marks: readonly ByteString[];
  /** Reads what stands in the way, if `compare` did not hold. */
  readonly last: RequestOp | null;
}

/**
 * @param place its stamp decides on the order
 * @param token the message's name; differs from `place` only for one that comes into its line later than it was named
 * @param dueMs 0: now
 */
export function entryOf(
  layout: Layout,
  { l: lane, p: priority }: Envelope,
  part: ByteString | null,
  place: ByteString,
  token: ByteString,
  dueMs: number,
): EntryPlace {
  if (dueMs > 0) {
    return { key: layout.delayed(dueMs, token), compare: [], marks: [layout.wake(lane)], last: null };
  }
  if (part === null) {
    return { key: layout.message(lane, priority, token), compare: [], marks: [layout.wake(lane)], last: null };
  }
  const line = layout.line(lane, part);
  const end = prefixEnd(line);
  return {
    key: `${line}${place}.${token}`,
    compare: [isAbsent(`${line}${place}`, end)],
    marks: [layout.wake(lane), layout.lineMark(lane, part)],
    last: getOp(`${line}${place}`, { rangeEnd: end, limit: 1, sortOrder: 2, keysOnly: true }),
  };
}

/** Takes all that belongs to a message away, but not the message. */
export function residueOps(layout: Layout, { c: chunks = 0 }: Envelope, token: ByteString): readonly RequestOp[] {
  const prefix = layout.chunks(token);
  return [deleteOp(layout.begun(token)), ...(chunks === 0 ? [] : [deleteOp(prefix, prefixEnd(prefix))])];
}

function checkedPriority({ priority = DEFAULT_PRIORITY, key }: SendOptions): number {
  if (!Number.isSafeInteger(priority) || priority < 0 || priority > LOWEST_PRIORITY) {
    throw invalid(`priority is ${String(priority)}: give a whole number from 0 (first) to ${LOWEST_PRIORITY}`);
  }
  if (key !== undefined && priority !== DEFAULT_PRIORITY) {
    throw invalid(`a message of the key ${JSON.stringify(key)} has a priority: those with a key come in their order`);
  }
  return priority;
}
