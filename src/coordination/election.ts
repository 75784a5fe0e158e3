/**
 * A leader among candidates: who came first leads, until it resigns or its session ends; then the next.
 *
 *     election/<name>//<lease>.<n>     one key for the leader and each candidate; value: what it proclaims
 *
 *     campaign ──▶ candidate ──(nobody before)──▶ leader: Leadership ──▶ resigned, or lost with its session
 *
 * Promises: those of `mutex.ts`, with the same line: never two leaders by their own clocks, in the order of their coming.
 * Who observes is told of each leader and of what it proclaims, in order; states that were over before they could be
 * told may be left out.
 *
 * Does not promise: that an observer knows of a new leader before that one acts: compare fences.
 *
 * How it fails: as a mutex. Where the highest number shall lead instead of the first who came: `ranked-election.ts`.
 *
 * The layout is etcd's (`concurrency.Election`): with `prefix: "jobs/"` it is that of `etcdctl elect jobs`.
 */
import { follow } from "../kv/follow.ts";
import { isCreatedAt, prefixRange } from "../kv/requests.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions, Store } from "../store/store.ts";
import { byteStringOfText, textOf } from "../wire/byte-string.ts";
import type { ByteString, KeyValue } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { evicted } from "./errors.ts";
import { Hold, whileHeld } from "./hold.ts";
import { type Contender, Line, nearest } from "./line.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name, and under which keys. */
export interface ElectionOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
  /** The keys' prefix instead of `election/<name>//`. */
  readonly prefix?: string;
}

/** Who leads. */
export interface Leader {
  /** Greater than that of all leaders before. */
  readonly fence: bigint;
  /** Of its session. */
  readonly lease: bigint;
  /** What it proclaims. */
  readonly value: string;
}

/** An office that is held. */
export class Leadership extends Hold {
  /**
   * Tells all who observe. The last one told is the last one proclaimed, whatever answers are lost.
   * @throws QuorateError if it leads no longer
   */
  async proclaim(value: string, options?: CallOptions): Promise<void> {
    this.assertHeld();
    const { session, key } = this;
    using wait = new Wait(session.store.clock, options, session);
    const request = { compare: [isCreatedAt(key, Number(this.fence))], success: [], failure: [] };
    const settled = await wait.for(session.writes.transact(request, { key, value: byteStringOfText(value) }));
    if (!settled.applied) throw evicted(this.what);
  }

  /** Gives the office up; another name of `release`. */
  resign(options?: CallOptions): Promise<void> {
    return this.release(options);
  }
}

/**
 * Who came first leads, then the next. A leader that was stopped may not know yet that it leads no more: guard or
 * fence its writes.
 */
export class Election {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #line: Line;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string, { session, prefix }: ElectionOptions = {}) {
    const keys = prefix === undefined ? recipePrefix("election", name) : byteStringOfText(prefix);
    this.name = name;
    this.#source = session ?? source;
    this.#line = new Line(source.store, keys, described("election", name));
  }

  /** Waits until it leads. @param value what it proclaims from the beginning */
  async campaign(value = "", options?: CallOptions): Promise<Leadership> {
    const { prefix } = this.#line;
    const place = await admit(this.#source, options, async (session, wait) => {
      const joining = { prefix, value: byteStringOfText(value), reads: [nearest(prefix)] };
      return await this.#line.turn(await this.#line.join(session, wait, joining), prefix, wait);
    });
    return new Leadership(this.#line.what, place);
  }

  /** Runs `lead` while it leads. @throws QuorateError also when the office was lost before `lead` was done */
  async run<T>(lead: (office: Leadership) => Promise<T>, value?: string, options?: CallOptions): Promise<T> {
    return await whileHeld(await this.campaign(value, options), lead);
  }

  /** Who leads now; null: nobody. */
  async leader(options?: ReadOptions): Promise<Leader | null> {
    const [first = null] = await this.#line.contenders(options);
    return first === null ? null : { fence: first.fence, lease: first.lease, value: first.label };
  }

  /** The leader and the candidates, in the order in which they lead. */
  async standing(options?: ReadOptions): Promise<readonly Contender[]> {
    return await this.#line.contenders(options);
  }

  /** The leader now, and each change: another leader, another value, or null: nobody leads. */
  observe(options: Pick<CallOptions, "signal"> = {}): AsyncGenerator<Leader | null, void, undefined> {
    return observed(this.#line.store, this.#line.prefix, oldest, options);
  }
}

/** Whose key is the leader's among those of an election. */
export type FindLeader = (kvs: ReadonlyMap<ByteString, KeyValue>) => KeyValue | null;

/** @param valueOf what it proclaims, as its key's value says it */
export async function* observed(
  store: Store,
  prefix: ByteString,
  find: FindLeader,
  options: Pick<CallOptions, "signal">,
  valueOf: (kv: KeyValue) => string = (kv) => textOf(kv.value),
): AsyncGenerator<Leader | null, void, undefined> {
  let told: KeyValue | null | undefined;
  for await (const { kvs } of follow(store, prefixRange(prefix), options)) {
    const leads = find(kvs);
    if (told !== undefined && leads?.modRevision === told?.modRevision) continue;
    told = leads;
    yield leads === null ? null : { fence: BigInt(leads.createRevision), lease: leads.lease, value: valueOf(leads) };
  }
}

function oldest(kvs: ReadonlyMap<ByteString, KeyValue>): KeyValue | null {
  let first: KeyValue | null = null;
  for (const kv of kvs.values()) if (first === null || kv.createRevision < first.createRevision) first = kv;
  return first;
}
