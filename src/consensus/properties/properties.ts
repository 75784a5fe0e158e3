/**
 * The safety of a group of engines, seen from outside: the hub that keeps the accounts and asks every property.
 *
 * An instance observes one group over all lives of all its members, from the founding on: wrap the engine kind with
 * `watched(kind, properties)`, and tell of what engines cannot show (`sent`, `applied`, `lost`). A property that does not
 * hold throws `SafetyViolation` out of the call in which it was seen; it is also kept in `violation`, because the owner of
 * an engine catches what the engine throws. After that nothing more is looked at.
 *
 * Names and sources are those of the Raft paper and of the TLA+ specifications; nothing here knows which protocol runs,
 * beyond what its `EnginePeek` reads. The accounts grow by some numbers an entry and are read in constant time a step.
 */
import type { MemberId } from "../../environment.ts";
import type { Effects, Engine, EngineOptions, EngineStart, Input, Outbound, Status } from "../engine.ts";
import type { EngineKind } from "../engines.ts";
import type { EnginePeek } from "../peek.ts";
import type { EngineObserver } from "../watched-engine.ts";
import { CommitRule, type DiskTruth } from "./commit-rule.ts";
import { CommittedLog } from "./committed-log.ts";
import { ObservedMember } from "./observed-member.ts";
import type { ObservedGroup, Property } from "./property.ts";
import { propertiesOf } from "./sets.ts";
import { SafetyViolation } from "./violation.ts";

export class Properties implements EngineObserver, ObservedGroup {
  readonly members: Map<MemberId, ObservedMember> = new Map();
  readonly committed: CommittedLog = new CommittedLog();
  latestLeaderEpoch = 0;
  /** All of them, with names and sources. */
  readonly all: readonly Property[];
  /** The one that was seen. */
  violation: SafetyViolation | null = null;
  readonly #peek: EnginePeek;
  readonly #commitRule: CommitRule | null;
  readonly #forged = new WeakSet<Uint8Array>();
  #latest: ObservedMember | null = null;
  readonly #on: { readonly [hook in Hook]: readonly Property[] };

  /** @param kind the protocol: which properties are its own, and how to look into its messages and states. */
  constructor(kind: Pick<EngineKind, "name" | "peek">) {
    this.#peek = kind.peek;
    this.all = propertiesOf(kind.name, this, kind.peek);
    this.#commitRule = this.all.find((property) => property instanceof CommitRule) ?? null;
    const having = (hook: Hook): Property[] => this.all.filter((property) => property[hook] !== undefined);
    this.#on = {
      starting: having("starting"),
      started: having("started"),
      stepped: having("stepped"),
      advanced: having("advanced"),
      drained: having("drained"),
      said: having("said"),
      left: having("left"),
      applied: having("applied"),
    };
  }

  /**
   * What disks really hold, for the commit rule, which otherwise goes by what they reported. Give null while disks lose
   * what they had synced: a quorum that held an entry when it was counted may not hold it now.
   */
  set diskTruth(truth: DiskTruth | null) {
    if (this.#commitRule !== null) this.#commitRule.diskTruth = truth;
  }

  started(id: MemberId, life: number, start: EngineStart, engine: Engine, options: EngineOptions): void {
    if (this.violation !== null) return;
    try {
      const member = this.members.get(id) ?? new ObservedMember(id, this.#peek);
      this.members.set(id, member);
      for (const property of this.#on.starting) property.starting?.(member, start);
      member.start(life, start, engine, options);
      if (this.committed.last === 0) this.#found(member, start);
      for (const property of this.#on.started) property.started?.(member, start);
    } catch (error) {
      this.#failed(error);
    }
  }

  stepped(id: MemberId, life: number, input: Input, now: number): void {
    if (this.violation !== null) return;
    try {
      const member = this.#living(id, life);
      if (input.type === "message") this.#heard(id, input.from, input.bytes);
      member.step(input, now);
      if (member.now.role === "leader" && member.now.epoch > this.latestLeaderEpoch) {
        this.latestLeaderEpoch = member.now.epoch;
      }
      if (member.now.commit > member.before.commit) this.#advance(member);
      for (const property of this.#on.stepped) property.stepped?.(member, input);
    } catch (error) {
      this.#failed(error);
    }
  }

  drained(id: MemberId, life: number, effects: Effects, _status: Status): void {
    if (this.violation !== null) return;
    try {
      const member = this.#living(id, life);
      for (const property of this.#on.drained) property.drained?.(member, effects);
      member.drain(effects);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * A member's owner hands a message to its transport: the pieces as the engine gave them, so that what they wait for is
   * known. (What messages say is also looked at when they arrive in an engine, so a simulation that cannot see the
   * handing over only misses those whose write ends on the way.)
   */
  sent(id: MemberId, message: Pick<Outbound, "to" | "pieces">): void {
    if (this.violation !== null) return;
    try {
      const sender = this.#member(id);
      const [head] = message.pieces;
      if (sender === undefined || head === undefined) return;
      for (const property of this.#on.left) property.left?.(sender, message);
      this.#said(sender, message.to, head);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * A state machine has applied everything up to `index`, or has taken over a snapshot at it. `fingerprint` is the same
   * for equal states.
   */
  applied(id: MemberId, index: number, fingerprint: number | string): void {
    if (this.violation !== null) return;
    try {
      const member = this.#member(id);
      if (member === undefined) return;
      for (const property of this.#on.applied) property.applied?.(member, index, fingerprint);
    } catch (error) {
      this.#failed(error);
    }
  }

  /**
   * A fault has taken data from a member's disk that was durable: its next start may find less. What it said before
   * stays said, and the group's properties go on to hold. `shows`: whoever reads what is left can tell.
   */
  lost(id: MemberId, shows = false): void {
    const member = this.members.get(id);
    if (member !== undefined) member.loss = shows && member.loss !== "hidden" ? "shows" : "hidden";
  }

  /** These bytes, fed to an engine as a peer's message, are no engine's: whoever they name has not said it. */
  forged(bytes: Uint8Array): void {
    this.#forged.add(bytes);
  }

  /** What follows on a violation is its consequence: nothing is looked at any more. */
  #failed(error: unknown): never {
    if (error instanceof SafetyViolation) this.violation = error;
    throw error;
  }

  /** Mostly the one that was asked for before: a look-up by a bigint costs more than everything else here. */
  #member(id: MemberId): ObservedMember | undefined {
    const latest = this.#latest;
    if (latest !== null && latest.id === id) return latest;
    const member = this.members.get(id);
    if (member !== undefined) this.#latest = member;
    return member;
  }

  #living(id: MemberId, life: number): ObservedMember {
    const member = this.#member(id);
    if (member === undefined || member.life !== life) {
      throw new Error(`life ${life} of member ${id.toString(16)} goes on after life ${member?.life ?? 0} began`);
    }
    return member;
  }

  /** The first start of all: what its disk was given as committed was committed by whoever founded the group. */
  #found(member: ObservedMember, { snapshot }: EngineStart): void {
    if (snapshot !== null) this.committed.found(snapshot);
    this.#take(member, member.now.commit);
  }

  #advance(member: ObservedMember): void {
    const { before, now } = member;
    // What a snapshot brought is not in the log; it has a property of its own.
    const to = now.commit < now.firstIndex ? 0 : now.commit;
    if (to === 0) return;
    const advance = { from: before.commit + 1, to, news: Math.max(before.commit, this.committed.last) + 1 };
    for (const property of this.#on.advanced) property.advanced?.(member, advance);
    this.#take(member, to);
  }

  #take(member: ObservedMember, to: number): void {
    for (let index = this.committed.last + 1; index <= to; index++) {
      const entry = member.engine.entryAt(index);
      if (entry === null) throw new Error(`entry ${index} was committed and is not in memory`);
      this.committed.add(entry, member.before.epoch);
    }
  }

  #heard(to: MemberId, from: MemberId, bytes: Uint8Array): void {
    const sender = this.members.get(from);
    if (sender !== undefined && !this.#forged.has(bytes)) this.#said(sender, to, bytes);
  }

  #said(sender: ObservedMember, to: MemberId, head: Uint8Array): void {
    const message = this.#peek.message(head);
    if (message === null) return;
    for (const property of this.#on.said) property.said?.(sender, to, message);
  }
}

type Hook = Exclude<keyof Property, "name" | "source">;
