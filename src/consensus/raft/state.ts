/**
 * Everything one Raft member knows, in one place; the rooms around it (election, replication, reads, ...) are functions
 * over it.
 *
 * What only a leader has is in `lead`, which exists exactly while the role is leader, so that nothing of a leadership
 * can outlive it.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { EngineOptions, EngineStart, Notice, Role } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { decodeMembershipEntry, emptyMembership, type Membership } from "../membership.ts";
import { EntryLog } from "../parts/entry-log.ts";
import { ForwardedReads } from "../parts/forwarded-reads.ts";
import type { LeaderReads } from "../parts/leader-reads.ts";
import { MembershipLog } from "../parts/memberships.ts";
import { name } from "../parts/name.ts";
import { Outbox } from "../parts/outbox.ts";
import { Writes } from "../parts/writes.ts";
import { SeededRandom } from "../random.ts";
import { decodeHardState, encodeHardState, noHardState } from "./hard-state.ts";
import { encodeMessage, type Message } from "./messages.ts";
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
  /** Index of the no-op this leadership began with: settled once it is committed. */
  readonly noopIndex: number;
  /** Bytes of entries not committed yet, with `entryOverheadBytes` each. */
  uncommittedBytes: number;
  /** Number of the newest heartbeat round. */
  round: number;
  nextHeartbeat: number;
  /** Commit index when the newest timed heartbeat went out: who holds it by the next one keeps up. */
  commitAtHeartbeat: number;
  transfer: Transfer | null;
  /** A peer was told to stand in this epoch: its election may come at any time, so leases are over for good. */
  leaseForfeited: boolean;
  /** Not before this time is leadership handed to a preferred member again. */
  nextPreference: number;
  preferenceBackoffMs: number;
  readonly reads: LeaderReads;
  /** When peers that no append has told are told of what is committed; null: all know. */
  noticeAt: number | null;
}

export class RaftState {
  readonly options: EngineOptions;
  readonly id: MemberId;
  readonly random: SeededRandom;
  /** Names this life of the member. */
  readonly incarnation: number;
  readonly log: EntryLog;
  readonly memberships: MembershipLog;
  readonly writes: Writes;
  readonly out: Outbox = new Outbox();

  now: number;
  lastTick: number;
  /** The last tick came late, and nothing was judged by silence. */
  paused = false;
  role: Role = "follower";
  leader: MemberId = 0n;
  epoch: number;
  vote: MemberId;
  commit: number;
  /** Last index given out as committed (or covered by a snapshot). */
  emitted: number;
  applied: number;
  /** Index of the newest snapshot. */
  snapshotIndex: number;
  untrusted: boolean;
  diskStalled = false;
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
  /** Answers in the running (pre-)election; its own vote only once that is durable. */
  readonly votes: Map<MemberId, boolean> = new Map();
  /** The write that holds this candidate's own vote. */
  voteWrite = 0;

  /** No vote for anybody but `promisee` before this time: a leader may be serving lease reads on the strength of it. */
  promiseUntil: number;
  promisee: MemberId = 0n;
  /** The promise that the hard state on disk speaks of, and the write that brings it there. */
  savedPromiseMs: number;
  promiseWrite = 0;

  /** The acknowledgement to send at the end of the turn. */
  ack: { readonly to: MemberId; readonly epoch: number; session: number; index: number } | null = null;
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
    this.epoch = saved.epoch;
    this.vote = saved.vote;
    // A snapshot may be on disk before the state that led to it: the write with that state was still under way.
    if (this.log.lastEpoch > this.epoch) {
      this.epoch = this.log.lastEpoch;
      this.vote = 0n;
      this.writes.stateChanged();
    }
    this.snapshotIndex = base.index;
    this.emitted = base.index;
    this.applied = base.index;
    // Where the storage lost the end of its writes, the log may hold in a committed place what was there before.
    this.commit = start.untrusted ? base.index : Math.max(base.index, Math.min(saved.commit, this.log.lastIndex));
    this.untrusted = saved.untrusted || start.untrusted;
    if (this.untrusted && !saved.untrusted) this.writes.stateChanged();
    this.savedPromiseMs = saved.promiseMs;
    const wantedPromiseMs = options.leaseReads ? options.electionTimeoutMs : 0;
    // What an earlier life promised is not known: wait as long as it could have promised.
    this.promiseUntil = saved.promiseMs > 0 ? now + saved.promiseMs : Number.NEGATIVE_INFINITY;
    if (wantedPromiseMs > saved.promiseMs) this.saveState();
  }

  get membership(): Membership {
    return this.memberships.active;
  }

  /** It leads, and an entry of its own epoch is committed. */
  get settled(): boolean {
    return this.lead !== null && this.commit >= this.lead.noopIndex;
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
    const { epoch, vote, commit, untrusted } = this;
    return encodeHardState({ epoch, vote, commit, untrusted, promiseMs });
  }

  /** How long a promise this member may give now: only one that it would remember after a crash. */
  get givenPromiseMs(): number {
    const { leaseReads, electionTimeoutMs } = this.options;
    if (!leaseReads || this.savedPromiseMs < electionTimeoutMs) return 0;
    return this.writes.durable >= this.promiseWrite ? Math.floor(electionTimeoutMs) : 0;
  }

  /** Queues a message. `after`: the write that must be durable first; 0: none. */
  send(to: MemberId, message: Message, after = 0): void {
    assert(to !== this.id, "a member sends no message to itself");
    const envelope = {
      epoch: this.epoch,
      incarnation: this.incarnation,
      priority: this.options.priority,
      untrusted: this.untrusted,
      stalled: this.diskStalled,
    };
    const bulk = message.type === "append" && message.entries.length > 0;
    this.out.messages.push({ to, pieces: encodeMessage(envelope, message), after, bulk });
  }

  /** The number of the write that all changes up to now are part of. */
  get barrier(): number {
    return this.writes.barrier(this.log);
  }

  notice(level: Notice["level"], message: string, fields: Readonly<Record<string, unknown>> = {}): void {
    this.out.notices.push({ level, message, fields: { member: name(this.id), epoch: this.epoch, ...fields } });
  }
}
