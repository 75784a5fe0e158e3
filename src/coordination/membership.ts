/**
 * A group: who is there now.
 *
 *     group/<name>//<member>    one key for each member, on its session's lease; value: what it says of itself
 *
 *     join ──▶ member: Membership ──(leave, or its session ends)──▶ gone
 *
 * Promises: each name is one member's at most; a member that dies is gone after its session's time to live. Who watches
 * sees the members as they were at one revision, and each change; states that were over before they could be told may be
 * left out.
 *
 * Does not promise: that a member that is seen still lives when it is called.
 */
import { follow } from "../kv/follow.ts";
import { getOp, isAbsent, isCreatedAt, prefixRange, rangeAt, rangeRequest } from "../kv/requests.ts";
import { Wait } from "../kv/wait.ts";
import type { CallOptions, ReadOptions } from "../store/store.ts";
import { byteStringOfText, textOf } from "../wire/byte-string.ts";
import type { ByteString, KeyValue } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import { evicted, invalid, taken } from "./errors.ts";
import { Hold, type Place, whileHeld } from "./hold.ts";
import { described, recipePrefix } from "./names.ts";
import type { Session, SessionSource } from "./session.ts";

/** In whose name. */
export interface GroupOptions {
  /** In whose name; default: the session that all share. */
  readonly session?: Session;
}

/** One who is there. */
export interface Member {
  readonly name: string;
  /** What it says of itself. */
  readonly value: string;
  /** Of its session. */
  readonly lease: bigint;
  /** Greater than that of all who had this name before. */
  readonly fence: bigint;
}

/** To be there. */
export class Membership extends Hold {
  /** Says something else of itself. @throws QuorateError if it is not there any more */
  async update(value: string, options?: CallOptions): Promise<void> {
    this.assertHeld();
    const { session, key } = this;
    using wait = new Wait(session.store.clock, options, session);
    const request = { compare: [isCreatedAt(key, Number(this.fence))], success: [], failure: [] };
    const settled = await wait.for(session.writes.transact(request, { key, value: byteStringOfText(value) }));
    if (!settled.applied) throw evicted(this.what);
  }

  /** Another name of `release`. */
  leave(options?: CallOptions): Promise<void> {
    return this.release(options);
  }
}

/**
 * Who is there now. A member that is not seen may be cut off, and live: it is for finding each other, not for keeping
 * others out.
 */
export class Group {
  readonly name: string;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #what: string;

  /** @throws QuorateError `INVALID_ARGUMENT` if the name cannot be one */
  constructor(source: SessionSource, name: string, { session }: GroupOptions = {}) {
    this.name = name;
    this.#source = session ?? source;
    this.#prefix = recipePrefix("group", name);
    this.#what = described("group", name);
  }

  /** @throws QuorateError `TAKEN` if a member has that name */
  async join(name: string, value = "", options?: CallOptions): Promise<Membership> {
    if (name === "") throw invalid(`${this.#what}: a member needs a name that is not empty`);
    const what = `member ${JSON.stringify(name)} of ${this.#what}`;
    const key = this.#prefix + byteStringOfText(name);
    const place = await admit(this.#source, options, (session, wait) => this.#join(session, key, value, what, wait));
    return new Membership(what, place);
  }

  /** Runs `use` while it is a member. @throws QuorateError also when it was lost before `use` was done */
  async run<T>(
    use: (membership: Membership) => Promise<T>,
    name: string,
    value?: string,
    options?: CallOptions,
  ): Promise<T> {
    return await whileHeld(await this.join(name, value, options), use);
  }

  /** Who is there now, by name. */
  async members(options?: ReadOptions): Promise<ReadonlyMap<string, Member>> {
    const { key, rangeEnd } = prefixRange(this.#prefix);
    return this.#read((await this.#source.store.range(rangeRequest(key, { rangeEnd }), options)).kvs);
  }

  /** Who is there now, and after each change. */
  async *watch(
    options: Pick<CallOptions, "signal"> = {},
  ): AsyncGenerator<ReadonlyMap<string, Member>, void, undefined> {
    for await (const { kvs } of follow(this.#source.store, prefixRange(this.#prefix), options)) {
      yield this.#read(kvs.values());
    }
  }

  async #join(session: Session, key: ByteString, value: string, what: string, wait: Wait): Promise<Place> {
    const request = { compare: [isAbsent(key)], success: [], failure: [getOp(key)] };
    const settled = await session.writes.take(request, { key, value: byteStringOfText(value) }, wait);
    if (settled.applied) return { session, key, revision: settled.revision };
    throw taken(what, rangeAt(settled.responses, 0).kvs[0]?.lease ?? 0n);
  }

  #read(kvs: Iterable<KeyValue>): ReadonlyMap<string, Member> {
    const members = new Map<string, Member>();
    for (const kv of kvs) {
      const name = textOf(kv.key.slice(this.#prefix.length));
      members.set(name, { name, value: textOf(kv.value), lease: kv.lease, fence: BigInt(kv.createRevision) });
    }
    return members;
  }
}
