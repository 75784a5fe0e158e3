/**
 * Everything one member of a Multi-Paxos group knows, in one place; the rooms around it (acceptor, election, replication,
 * reads, ...) are functions over it.
 *
 * Every member is acceptor and learner at once. What only a proposer has is in `candidacy` (phase 1 is under way) or
 * `lead` (phase 1 is done), which exist exactly while the role says so, so that nothing of them can outlive it.
 */
import type { MemberId } from "../../environment.ts";
import { assert, GrpcStatus, QuorateError } from "../../errors.ts";
import type { EngineOptions, EngineStart, Entry, Notice, Role } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { decodeMembershipEntry, emptyMembership, isMember, type Membership } from "../membership.ts";
import { EntryLog } from "../parts/entry-log.ts";
import { ForwardedReads } from "../parts/forwarded-reads.ts";
import type { LeaderReads } from "../parts/leader-reads.ts";
import { MembershipLog } from "../parts/memberships.ts";
import { name } from "../parts/name.ts";
import { Outbox } from "../parts/outbox.ts";
import { Writes } from "../parts/writes.ts";
import { SeededRandom } from "../random.ts";
import { Ballots } from "./ballots.ts";
import type { Candidacy } from "./candidacy.ts";
import { encodeMessage } from "./codec.ts";
import { decodeHardState, encodeHardState, noHardState } from "./hard-state.ts";
import type { Message } from "./messages.ts";
import type { Progress } from "./progress.ts";

export interface Transfer {
  readonly to: MemberId;
  readonly deadline: number;
  /** The target was told to stand. */
  told: boolean;
}

/** What exists only while leading. */
export interface Leadership {
  readonly since: number;
  /** By member, without this one; in the order of ids. */
  readonly progress: Map<MemberId, Progress>;
  /** Slot of the no-op this leadership began with: settled once it is decided. */
  readonly noopIndex: number;
  /** The write that holds this member's own acceptance of what it took over: before, it does not count itself. */
  acceptWrite: number;
  /** Values for the slots behind a change of membership, to be proposed when that is decided. */
  waiting: Entry[];
  /** Bytes of values not decided yet, waiting ones too, with `entryOverheadBytes` each. */
  uncommittedBytes: number;
  /** Number of the newest heartbeat that asked for answers. */
  beat: number;
  nextHeartbeat: number;
  /** Decided index when the newest timed heartbeat went out: who holds it by the next one keeps up. */
  decidedAtHeartbeat: number;
  transfer: Transfer | null;
  /** A peer was told to stand in this round: its election may come at any time, so leases are over for good. */
  leaseForfeited: boolean;
  /** Not before this time is leadership handed to a preferred member again. */
  nextPreference: number;
  preferenceBackoffMs: number;
  readonly reads: LeaderReads;
  /** When peers that no value has told are told of what is decided; null: all know. */
  noticeAt: number | null;
}

export class PaxosState {
  readonly options: EngineOptions;
  readonly id: MemberId;
  readonly random: SeededRandom;
  /** Names this life of the member. */
  readonly incarnation: number;
  /** See quorums.ts; 0: a majority. */
  readonly phase2: number;
  /** The value of each slot as far as one was accepted; holes between them are entries of their own kind. */
  readonly log: EntryLog;
  /** In which round each open slot was accepted. */
  readonly ballots: Ballots;
  readonly memberships: MembershipLog;
  readonly writes: Writes;
  readonly out: Outbox = new Outbox();

  now: number;
  lastTick: number;
  /** The last tick came late, and nothing was judged by silence. */
  paused = false;
  role: Role = "follower";
  leader: MemberId = 0n;
  /** The ballot promised: no proposal of a lower round is taken, nor one of this round by anybody but its leader. */
  round: number;
  /** To whom this round was promised before it had a leader; 0n: to nobody. */
  proposer: MemberId;
  /** All slots up to here are decided, and their values are here. */
  decided: number;
  /** What the leader of this round said is decided: true here as far as its values are here. */
  toldDecided = 0;
  /** Last index given out as committed (or covered by a snapshot). */
  emitted: number;
  applied: number;
  /** Index of the newest snapshot. */
  snapshotIndex: number;
  untrusted: boolean;
  diskStalled = false;
  candidacy: Candidacy | null = null;
  lead: Leadership | null = null;

  /** This epoch's random timeout, and when it runs out. */
  electionTimeoutMs = 0;
  electionDeadline = 0;
  /** An election ahead of the timeout, because the link to the leader broke. */
  earlyAt: number | null = null;
  earlyTries = 0;
  /** When the leader was last heard. */
  leaderContact: number = Number.NEGATIVE_INFINITY;
  leaderLinkLost = false;
  /** Answers to the running survey. */
  readonly surveyed: Map<MemberId, boolean> = new Map();
  /** Numbers the promises given in this life. */
  replies = 0;

  /** No promise to anybody but `promisee` before this time: a leader may be serving lease reads on the strength of it. */
  promiseUntil: number;
  promisee: MemberId = 0n;
  /** The lease promise that the hard state on disk speaks of, and the write that brings it there. */
  savedPromiseMs: number;
  promiseWrite = 0;

  /** The acknowledgement to send at the end of the turn. */
  ack: { readonly to: MemberId; readonly round: number; readonly session: number } | null = null;
  readonly forwardedReads: ForwardedReads;

  readonly priorities: Map<MemberId, number> = new Map();
  dropped = 0;

  constructor(options: EngineOptions, start: EngineStart, now: number) {
    this.options = options;
    this.id = options.id;
    this.now = now;
    this.lastTick = now;
    this.random = new SeededRandom(options.seed);
    this.incarnation = this.random.uint32() || 1;
    this.forwardedReads = new ForwardedReads(this.incarnation);
    const saved = start.state === null ? noHardState : decodeHardState(start.state);
    const base = start.snapshot ?? { epoch: 0, index: 0, membership: emptyMembership };
    this.log = new EntryLog(base, start.entries);
    this.memberships = new MembershipLog(base.membership, base.index);
    for (const entry of start.entries) {
      if (entry.kind !== EntryKind.membership) continue;
      this.memberships.append(entry.index, decodeMembershipEntry(entry.data).membership);
    }
    this.writes = new Writes(this.log.lastIndex);
    this.phase2 = this.#samePhase2(saved.phase2);
    this.round = saved.round;
    this.proposer = saved.proposer;
    // A snapshot may be on disk before the state that led to it: the write with that state was still under way. Who
    // knows a change of membership is never in a round below the one that proposed it (docs/internals/paxos.md).
    if (this.log.lastEpoch > this.round) {
      this.round = this.log.lastEpoch;
      this.proposer = 0n;
      this.saveState();
    }
    this.snapshotIndex = base.index;
    this.emitted = base.index;
    this.applied = base.index;
    // Where the storage lost the end of its writes, the log may hold in a decided slot what was there before.
    this.decided = start.untrusted ? base.index : Math.max(base.index, Math.min(saved.decided, this.log.lastIndex));
    this.untrusted = saved.untrusted || start.untrusted;
    this.ballots = new Ballots(saved.runs.filter((run) => run.from <= this.log.lastIndex));
    // With a tail that the storage lost, the state may speak of later writes than the log. What a value's epoch says
    // is true all the same: its first proposer had it accepted in that round.
    const doubtful = start.untrusted || start.state === null;
    if (doubtful) this.ballots.replace(this.decided + 1, this.#epochsFrom(this.decided + 1));
    if (doubtful || this.ballots.runs.length < saved.runs.length) this.saveState();
    this.ballots.trim(this.decided);
    this.savedPromiseMs = saved.promiseMs;
    const wantedPromiseMs = options.leaseReads ? options.electionTimeoutMs : 0;
    // What an earlier life promised is not known: wait as long as it could have promised.
    this.promiseUntil = saved.promiseMs > 0 ? now + saved.promiseMs : Number.NEGATIVE_INFINITY;
    if (wantedPromiseMs > saved.promiseMs) this.saveState();
  }

  /** How many acceptances choose a value must never change in a group: phase 1 relies on what was true all along. */
  #samePhase2(saved: number | null): number {
    const wanted = this.options.flexibleQuorum?.phase2 ?? 0;
    if (saved === null) this.saveState();
    else if (saved !== wanted) {
      const words = (size: number): string => (size === 0 ? "a majority" : String(size));
      throw new QuorateError(
        "CONFIG",
        GrpcStatus.invalidArgument,
        `flexibleQuorum.phase2 is ${words(wanted)}: this member began with ${words(saved)}, which cannot be changed`,
      );
    }
    return wanted;
  }

  #epochsFrom(from: number): number[] {
    const rounds: number[] = [];
    for (let index = from; index <= this.log.lastIndex; index++) {
      const entry = this.log.at(index) as Entry;
      rounds.push(entry.kind === EntryKind.hole ? 0 : entry.epoch);
    }
    return rounds;
  }

  get epoch(): number {
    return this.round;
  }

  /** Who takes part in deciding the next slot: by the newest change that is decided. */
  get membership(): Membership {
    const { memberships, decided } = this;
    return memberships.activeIndex <= decided ? memberships.active : memberships.at(decided);
  }

  /** The slot that brought this membership; of a snapshot, the snapshot's. */
  get changedAt(): number {
    return this.memberships.indexAt(this.decided);
  }

  /**
   * What may be given out as committed. A removed member does not learn of its removal before a slot behind it is
   * decided: its owner will take it away, and until then it may be needed to bring the others forward.
   */
  get givable(): number {
    const { decided, membership } = this;
    const isGone = membership.voters.length > 0 && !isMember(membership, this.id);
    return isGone && decided === this.changedAt ? decided - 1 : decided;
  }

  /** It leads, and a value of its own round is decided. */
  get settled(): boolean {
    return this.lead !== null && this.decided >= this.lead.noopIndex;
  }

  /** To whom leadership is being handed; 0n: to nobody. */
  get transferee(): MemberId {
    return this.lead?.transfer?.to ?? 0n;
  }

  /** The hard state is part of the next write. */
  saveState(): void {
    this.writes.stateChanged();
  }

  encodeState(): Uint8Array {
    const { leaseReads, electionTimeoutMs } = this.options;
    const wanted = leaseReads ? Math.ceil(electionTimeoutMs) : 0;
    // A longer promise of an earlier life is remembered until it is over.
    const promiseMs = this.now < this.promiseUntil ? Math.max(this.savedPromiseMs, wanted) : wanted;
    this.savedPromiseMs = promiseMs;
    this.promiseWrite = this.writes.issued;
    const { round, proposer, decided, untrusted, phase2 } = this;
    return encodeHardState({ round, proposer, decided, untrusted, promiseMs, phase2, runs: this.ballots.runs });
  }

  /** How long a promise for leases this member may give now: only one that it would remember after a crash. */
  get givenPromiseMs(): number {
    const { leaseReads, electionTimeoutMs } = this.options;
    if (!leaseReads || this.savedPromiseMs < electionTimeoutMs) return 0;
    return this.writes.durable >= this.promiseWrite ? Math.floor(electionTimeoutMs) : 0;
  }

  /** Queues a message. `after`: the write that must be durable first; 0: none. */
  send(to: MemberId, message: Message, after = 0): void {
    if (to === this.id) assert(false, "a member sends no message to itself");
    const envelope = {
      round: this.round,
      incarnation: this.incarnation,
      priority: this.options.priority,
      untrusted: this.untrusted,
      stalled: this.diskStalled,
      phase2: this.phase2,
    };
    const bulk = message.type === "accept" && message.entries.length > 0;
    this.out.messages.push({ to, pieces: encodeMessage(envelope, message), after, bulk });
  }

  /** The number of the write that all changes up to now are part of. */
  get barrier(): number {
    return this.writes.barrier(this.log);
  }

  notice(level: Notice["level"], message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.out.notices.push({ level, message, fields: { member: name(this.id), epoch: this.round, ...fields } });
  }
}
