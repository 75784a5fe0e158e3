/**
 * Everything one Zab member knows, in one place; the rooms around it (election, discovery, ...) are functions over it.
 *
 * What only a leader has, from the moment it prepares an epoch, is in `lead`, which exists exactly while the role is
 * candidate or leader, so that nothing of a leadership can outlive it.
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
import type { History } from "./history.ts";
import { encodeMessage, type Message, type Vote } from "./messages.ts";
import type { Progress } from "./progress.ts";
import type { Stream } from "./session.ts";

/** What a Zab engine can be told beside the options that all engines share. */
export interface ZabLimits {
  /** The most entries a leader proposes in one epoch, at least 2; then it begins the next one. */
  readonly entriesPerEpoch: number;
}

/** The width of the counter in a zxid. */
export const defaultLimits: ZabLimits = { entriesPerEpoch: 2 ** 32 - 1 };

export interface Transfer {
  readonly to: MemberId;
  readonly deadline: number;
  /** The target was told to take over. */
  told: boolean;
}

/**
 * discovery: members are asked to accept the epoch. synchronisation: a quorum did; they get this member's history.
 * broadcast: a quorum has adopted it, this member leads.
 */
export type Phase = "discovery" | "synchronisation" | "broadcast";

/** What exists only while leading, or preparing to. */
export interface Leadership {
  phase: Phase;
  /** The leader before wished it: members need not be free of it to help. */
  readonly transferred: boolean;
  /** The write that makes the accepted epoch, then the current epoch, durable here: this member's own acknowledgement. */
  ownWrite: number;
  /** discovery: who accepted the epoch from this member, and who refused to. */
  readonly acceptances: Map<MemberId, boolean>;
  /** From synchronisation on: the last index of the history that the epoch begins with. Entries behind it are its own. */
  historyIndex: number;
  /** By member, without this one; in the order of ids. */
  readonly progress: Map<MemberId, Progress>;
  /** The newest session with anybody. */
  sessions: number;
  /** Bytes of entries not committed yet, with `entryOverheadBytes` each. */
  uncommittedBytes: number;
  /** Number of the newest round of pings. */
  round: number;
  nextHeartbeat: number;
  /** Commit index when the newest timed heartbeat went out: who holds it by the next one keeps up. */
  commitAtHeartbeat: number;
  transfer: Transfer | null;
  /** A peer was told to take over in this epoch: it may at any time, so leases are over for good. */
  leaseForfeited: boolean;
  /** Not before this time is leadership handed to a preferred member again. */
  nextPreference: number;
  preferenceBackoffMs: number;
  readonly reads: LeaderReads;
  /** When peers that no proposal has told are told of what is committed; null: all know. */
  noticeAt: number | null;
}

/** What a voter said in the running round. */
export interface Ballot {
  readonly vote: Vote;
  /** The epoch it has accepted: the next one must be higher. */
  readonly acceptedEpoch: number;
}

export class ZabState {
  readonly options: EngineOptions;
  readonly limits: ZabLimits;
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
  /** preCandidate: looking for a leader. candidate: preparing an epoch of its own. */
  role: Role = "follower";
  /** The established leader this member is with; 0n: none. */
  leader: MemberId = 0n;
  /** The accepted epoch: what this member takes part in. */
  epoch: number;
  acceptedFrom: MemberId;
  /** The epoch whose leader's history the log holds. */
  currentEpoch: number;
  commit: number;
  /** Last index given out as committed (or covered by a snapshot). */
  emitted: number;
  applied: number;
  /** Index of the newest snapshot. */
  snapshotIndex: number;
  untrusted: boolean;
  diskStalled = false;
  lead: Leadership | null = null;

  /** Whom it acknowledged `epoch` to in this life: the epoch's leader, established or prospective; 0n: nobody. */
  host: MemberId = 0n;
  /** When the host was last heard; -Infinity: it has given up. */
  contact: number = Number.NEGATIVE_INFINITY;
  hostLost = false;
  /** What the host sends; null: its first message has not come yet. */
  stream: Stream | null = null;

  /** When silence is no longer borne, drawn anew each time that something begins. */
  timeoutMs = 0;
  deadline = 0;
  /** A search ahead of the timeout: the link to the leader broke, or the group starts. */
  earlyAt: number | null = null;

  /** The logical clock of elections, this member's vote in the round (0n: for nobody), and the others'. */
  round = 0;
  vote: Vote = { leader: 0n, history: { epoch: 0, last: { epoch: 0, index: 0 } }, priority: 0 };
  readonly ballots: Map<MemberId, Ballot> = new Map();
  nextNotification = 0;
  /** Epochs that it prepared in vain since there was a leader, and until when it does not vote for itself therefore. */
  failures = 0;
  sitsOutUntil: number = Number.NEGATIVE_INFINITY;
  /** Not before this time is another leader asked to be let in. */
  nextKnock: number = Number.NEGATIVE_INFINITY;
  /** Peers whose link broke and that were not heard since: no leaders. */
  readonly lost: Set<MemberId> = new Set();

  /** Helps nobody but `promisee` before this time: a leader may be serving lease reads on the strength of it. */
  promiseUntil: number;
  promisee: MemberId = 0n;
  /** The promise that the hard state on disk speaks of, and the write that brings it there. */
  savedPromiseMs: number;
  promiseWrite = 0;

  /** The acknowledgement to send at the end of the turn; none of an earlier epoch outlives it. */
  ack: { readonly to: MemberId; readonly session: number; index: number } | null = null;
  readonly forwardedReads: ForwardedReads;

  readonly priorities: Map<MemberId, number> = new Map();
  dropped = 0;

  constructor(options: EngineOptions, limits: ZabLimits, start: EngineStart, now: number) {
    this.options = options;
    this.limits = limits;
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
    this.epoch = saved.acceptedEpoch;
    this.acceptedFrom = saved.acceptedFrom;
    this.currentEpoch = saved.currentEpoch;
    // A snapshot may be on disk before the state that led to it: the write with that state was still under way.
    if (this.log.lastEpoch > this.epoch) {
      this.epoch = this.log.lastEpoch;
      this.acceptedFrom = 0n;
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

  /** The leadership, once it is established. */
  get leading(): Leadership | null {
    return this.role === "leader" ? this.lead : null;
  }

  /** Whether a leader has committed an entry of its own epoch. */
  get settled(): boolean {
    const { leading } = this;
    return leading !== null && this.commit > leading.historyIndex;
  }

  get membership(): Membership {
    return this.memberships.active;
  }

  get transferee(): MemberId {
    return this.lead?.transfer?.to ?? 0n;
  }

  get history(): History {
    const { lastEpoch, lastIndex } = this.log;
    return { epoch: this.currentEpoch, last: { epoch: lastEpoch, index: lastIndex } };
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
    const { epoch: acceptedEpoch, acceptedFrom, currentEpoch, commit, untrusted } = this;
    return encodeHardState({ acceptedEpoch, acceptedFrom, currentEpoch, commit, untrusted, promiseMs });
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
      leads: this.role === "leader",
    };
    const bulk = message.type === "propose" && message.entries.length > 0;
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
