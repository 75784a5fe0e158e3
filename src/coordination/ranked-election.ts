/**
 * A leader among candidates: who has the highest number leads, and hands over when a higher one comes.
 *
 *     election/<name>//candidate/<lease>.<n>    one who wants to lead; value: its number
 *     election/<name>//office                   the leader's; value: its number, <lease>.<n>, what it proclaims
 *
 *     candidate ──(the office is free, and no other candidate is higher)──▶ leader ──▶ resigned, or lost
 *                                                                             │
 *             a higher candidate comes: `challenged` is aborted ◀─────────────┤
 *             `handOverMs` later, or as soon as it resigns: `signal` is aborted, then the office is free
 *
 * Promises: never two leaders by their own clocks; fences grow from leader to leader, whatever their numbers; who takes the
 * office was, in one transaction, a candidate and the highest of all (of those with equal numbers the first who came).
 * When no fault lasts, the highest candidate leads in the end.
 *
 * Does not promise: that a lower one never leads: it does until a higher one comes, and until it has handed over.
 *
 * How it fails: as a mutex. `HANDED_OVER` is the reason of `signal` after a hand-over: campaign again to lead again.
 *
 * Source: Garcia-Molina 1982, the bully election, for what is wanted; it is made of transactions instead of timeouts.
 */
import { follow } from "../kv/follow.ts";
import { comparison, deleteOp, isAbsent, isCreatedAt, prefixRange, rangeRequest } from "../kv/requests.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { byteStringOfText, textOf } from "../wire/byte-string.ts";
import type { ByteString, KeyValue } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { type Leader, observed } from "./election.ts";
import { evicted, handedOver, invalid } from "./errors.ts";
import { Hold, type Place } from "./hold.ts";
import { Line } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name, and how long a hand-over may take. */
export interface RankedElectionOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /** How long a leader may go on after a higher candidate came, ms; default 5000. */
  readonly handOverMs?: number;
}

/** With what a candidate stands. */
export interface Candidacy {
  /** Who has the highest leads; a whole number. */
  readonly number: number;
  /** What it proclaims; default none. */
  readonly value?: string;
}

export interface RankedLeader extends Leader {
  readonly number: number;
}

const DEFAULT_HAND_OVER_MS = 5_000;

/** An office that is held until a higher number comes. */
export class RankedLeadership extends Hold {
  readonly number: number;
  readonly #challenged = new AbortController();

  constructor(what: string, place: Place, number: number, candidates: ByteString, handOverMs: number) {
    super(what, place);
    this.number = number;
    this.#lookOut(candidates, handOverMs).catch(() => undefined);
  }

  /** Aborted when a higher candidate waits: finish, and resign. */
  get challenged(): AbortSignal {
    return this.#challenged.signal;
  }

  /** Gives the office up; another name of `release`. */
  resign(options?: CallOptions): Promise<void> {
    return this.release(options);
  }

  async #lookOut(candidates: ByteString, handOverMs: number): Promise<void> {
    const { store } = this.session;
    for await (const { kvs } of follow(store, prefixRange(candidates), { signal: this.signal })) {
      const highest = highestOf(kvs.values());
      if (highest === null || highest.number <= this.number) continue;
      const reason = handedOver(this.what, highest.number);
      this.#challenged.abort(reason);
      using wait = new Wait(store.clock, { signal: this.signal });
      await wait.sleep(handOverMs);
      await this.giveUp(reason);
      return;
    }
  }
}

/** Who has the highest number leads; a lower one hands over. */
export class RankedElection {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #what: string;
  readonly #prefix: ByteString;
  readonly #candidates: Line;
  readonly #office: ByteString;
  readonly #handOverMs: number;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one, or `handOverMs` is no time */
  constructor(source: SessionSource, name: string, options: RankedElectionOptions = {}) {
    const { session, handOverMs = DEFAULT_HAND_OVER_MS } = options;
    if (!(handOverMs >= 0)) throw invalid(`a hand-over cannot take ${String(handOverMs)} ms: give 0 or more`);
    this.name = name;
    this.#source = session ?? source;
    this.#what = described("election", name);
    this.#prefix = recipePrefix("election", name);
    this.#office = `${this.#prefix}office`;
    this.#candidates = new Line(source.store, `${this.#prefix}candidate/`, this.#what);
    this.#handOverMs = handOverMs;
  }

  /** Waits until it leads. */
  async campaign({ number, value = "" }: Candidacy, options?: CallOptions): Promise<RankedLeadership> {
    if (!Number.isSafeInteger(number)) throw invalid(`${String(number)} is no rank: give a whole number`);
    const { prefix } = this.#candidates;
    const place = await admit(this.#source, options, async (session, wait) => {
      const candidate = await this.#candidates.join(session, wait, { prefix, value: `${number}` });
      const mandate = `${number} ${candidate.key.slice(prefix.length)} ${byteStringOfText(value)}`;
      return await this.#candidates.orLeave(candidate, this.#rise(candidate, mandate, wait));
    });
    return new RankedLeadership(this.#what, place, number, prefix, this.#handOverMs);
  }

  /** Who leads now; null: nobody. */
  async leader(options?: ReadOptions): Promise<RankedLeader | null> {
    const [office] = (await this.#source.store.range(rangeRequest(this.#office), options)).kvs;
    if (office === undefined) return null;
    const { number, value } = mandateOf(office);
    return { fence: BigInt(office.createRevision), lease: office.lease, value, number };
  }

  /** The leader now, and each change; null: nobody leads. */
  observe(options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<Leader | null, void, undefined> {
    return observed(
      this.#source.store,
      this.#prefix,
      (kvs) => kvs.get(this.#office) ?? null,
      options,
      (kv) => mandateOf(kv).value,
    );
  }

  async #rise(candidate: Place, mandate: ByteString, wait: Wait): Promise<Place> {
    const { store } = this.#source;
    const { prefix } = this.#candidates;
    for await (const { kvs, revision } of follow(store, prefixRange(this.#prefix), { signal: wait.signal })) {
      if (kvs.get(candidate.key)?.createRevision !== candidate.revision) break;
      if (kvs.has(this.#office)) continue;
      const candidates = [...kvs.values()].filter(({ key }) => key.startsWith(prefix));
      if (highestOf(candidates)?.kv.key !== candidate.key) continue;
      const place = await this.#take(candidate, mandate, revision, wait);
      if (place !== null) return place;
    }
    wait.check();
    // Looks again whether it is gone, and whose fault that is.
    await this.#candidates.look(candidate, [], wait);
    throw evicted(this.#what);
  }

  /** Takes the office if it is free and no candidate came since `revision`. */
  async #take(candidate: Place, mandate: ByteString, revision: number, wait: Wait): Promise<Place | null> {
    const { session } = candidate;
    const { key, rangeEnd } = prefixRange(this.#candidates.prefix);
    const request = {
      compare: [
        isAbsent(this.#office),
        isCreatedAt(candidate.key, candidate.revision),
        comparison(key, { modRevision: revision + 1 }, "<", rangeEnd),
      ],
      success: [deleteOp(candidate.key)],
      failure: [],
    };
    const settled = await session.writes.take(request, { key: this.#office, value: mandate }, wait);
    // What did not hold is a change that is told soon.
    return settled.applied ? { session, key: this.#office, revision: settled.revision } : null;
  }
}

/** Of those with the highest number the first who came; keys of others that have no number are passed over. */
function highestOf(candidates: Iterable<KeyValue>): { readonly kv: KeyValue; readonly number: number } | null {
  const ranked = [...candidates]
    .map((kv) => ({ kv, number: kv.value === "" ? Number.NaN : Number(kv.value) }))
    .filter(({ number }) => Number.isSafeInteger(number))
    .sort((a, b) => b.number - a.number || a.kv.createRevision - b.kv.createRevision);
  return ranked[0] ?? null;
}

function mandateOf(office: KeyValue): { readonly number: number; readonly value: string } {
  const [, number = "NaN", value = ""] = /^(-?\d+) \S+ (.*)$/s.exec(office.value) ?? [];
  return { number: Number(number), value: textOf(value) };
}
