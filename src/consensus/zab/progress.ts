/**
 * What a leader, established or prospective, knows of one peer, and how much it may send it.
 *
 *             acknowledged the epoch, it is known        it is not sure that the peer
 *             where the histories part                   holds the base
 *      idle ─────────────────────────────▶ replicate      idle ───────────────────▶ probe ──held──▶ replicate
 *        ▲                                    │                                       │
 *        └── link lost, restarted, snapshot ──┴───────────── entries gone ────────────┴──▶ snapshot
 *            sent or failed
 *
 * idle: the peer gets LEADERINFO until it acknowledges the epoch. probe: one message, to learn whether the base is held.
 * replicate: a pipeline of messages, bounded in number and bytes. snapshot: nothing, a snapshot is on its way.
 *
 * A session is one synchronisation and the stream behind it; its messages are counted, so that the peer sees a gap.
 */
import type { MemberId } from "../../environment.ts";
import { assert } from "../../errors.ts";
import type { Position } from "../engine.ts";

export type ProgressState = "idle" | "probe" | "replicate" | "snapshot";

/** What must happen before an untrusted peer is trusted again. */
export interface Recovery {
  /** A round of pings started after the peer's return, to be confirmed by a quorum without it. */
  readonly round: number;
  /** The leader's last index when it noticed: to be committed without the peer, and held by it. */
  readonly index: number;
}

interface Inflight {
  readonly counter: number;
  readonly lastIndex: number;
  readonly bytes: number;
}

export interface ProgressSetup {
  readonly learner: boolean;
  readonly now: number;
  /** Numbers sessions: ascending over the whole leadership, also for a peer that leaves and comes back. */
  readonly newSession: () => number;
  readonly maxMessages: number;
  readonly maxBytes: number;
}

export class Progress {
  readonly id: MemberId;
  learner: boolean;
  state: ProgressState = "idle";
  session: number;
  /** Number of the session's next message. */
  counter = 0;
  /** While discovery runs: the last entry of the peer, which acknowledged the epoch. */
  hint: Position | null = null;
  /** The history of this session ends here, and NEWLEADER is still to be sent; null: it was, or need not be. */
  newLeaderAt: number | null = null;
  /** It has acknowledged NEWLEADER in its present incarnation: its acknowledgements count. */
  synced = false;
  /** Highest index known to match and to be durable there, in its present incarnation. Invariant: match < next. */
  match = 0;
  /** The next index to send. */
  next = 1;
  /** snapshot: the least index the snapshot on its way stands for. */
  snapshotIndex = 0;
  /** Commit index last told. */
  sentCommit = 0;
  /** Until then it waits for commits: for the results of what it forwarded, or for a read's index. */
  eagerUntil: number = Number.NEGATIVE_INFINITY;
  /** When anything was last heard, ms; starts with the leadership. */
  lastHeard: number;
  /** 0: it has not acknowledged the epoch yet. */
  incarnation = 0;
  /** Highest index acknowledged by an earlier incarnation: what a sound disk would still hold. */
  matchBefore = 0;
  lostData = false;
  untrusted = false;
  stalled = false;
  recovery: Recovery | null = null;
  /** Newest round of pings answered. */
  round = 0;
  /** Until when, on the leader's clock, the peer promised to help nobody else; without margin for drift. */
  promisedUntil: number = Number.NEGATIVE_INFINITY;
  /** Since when the peer keeps up; Infinity: it does not. For handing leadership to a preferred member. */
  keepsUpSince: number = Number.POSITIVE_INFINITY;
  /** A removed member still gets its removal: the index of that entry; null: it takes part. */
  departing: { readonly index: number; readonly until: number } | null = null;

  readonly #newSession: () => number;
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  /** Messages on their way, oldest first. */
  #inflight: Inflight[] = [];
  #inflightBytes = 0;
  /** `counter` at the last timed heartbeat. */
  #counterBefore = 0;

  constructor(id: MemberId, setup: ProgressSetup) {
    this.id = id;
    this.#newSession = setup.newSession;
    this.session = setup.newSession();
    this.learner = setup.learner;
    this.lastHeard = setup.now;
    this.#maxMessages = setup.maxMessages;
    this.#maxBytes = setup.maxBytes;
  }

  get inflightMessages(): number {
    return this.#inflight.length;
  }

  get inflightBytes(): number {
    return this.#inflightBytes;
  }

  /** Whether the peer is in a session that messages may be added to. */
  get streams(): boolean {
    return this.state === "replicate" || this.state === "probe";
  }

  /** A full window takes nothing more; bytes may exceed their limit by the one message that filled it. */
  get maySend(): boolean {
    if (this.state === "probe") return this.#inflight.length === 0;
    if (this.state !== "replicate") return false;
    return this.#inflight.length < this.#maxMessages && this.#inflightBytes < this.#maxBytes;
  }

  /** A message of the session went out: with entries up to `lastIndex`, or empty behind it. */
  sent(lastIndex: number, bytes: number): void {
    assert(this.streams, `sent to ${this.id.toString(16)} outside of a session`);
    this.next = lastIndex + 1;
    this.#inflight.push({ counter: this.counter, lastIndex, bytes });
    this.#inflightBytes += bytes;
    this.counter++;
  }

  /** Everything up to `index` is durable there, says the session. Returns whether that was news. */
  acknowledged(index: number): boolean {
    let freed = 0;
    while (freed < this.#inflight.length) {
      const message = this.#inflight[freed] as Inflight;
      if (message.lastIndex > index) break;
      this.#inflightBytes -= message.bytes;
      freed++;
    }
    if (freed > 0) this.#inflight.splice(0, freed);
    if (this.state === "probe") this.state = "replicate";
    if (index <= this.match) return false;
    this.match = index;
    return true;
  }

  /**
   * At a timed heartbeat: how many messages the peer must have got, if any of those that were out at the heartbeat before
   * is not acknowledged yet; 0: nothing is overdue.
   */
  overdue(): number {
    const before = this.#counterBefore;
    this.#counterBefore = this.counter;
    if (!this.streams) return 0;
    const oldest = this.#inflight[0];
    const waits = oldest !== undefined && oldest.counter < before;
    // An acknowledgement of the same index that came before NEWLEADER must not hide that NEWLEADER was lost.
    const unadopted = !this.synced && this.state === "replicate" && this.newLeaderAt === null;
    return waits || unadopted ? before : 0;
  }

  /** A session that the peer has to acknowledge the epoch for. */
  becomeIdle(): void {
    this.session = this.#newSession();
    this.state = "idle";
    this.hint = null;
    this.keepsUpSince = Number.POSITIVE_INFINITY;
    this.#clear();
  }

  /**
   * A session's stream begins behind `base`. What was acknowledged before is durable there and need not be sent again.
   * @param sure the peer holds the base.
   */
  begin(base: number, sure: boolean): void {
    this.state = sure ? "replicate" : "probe";
    this.hint = null;
    this.next = Math.max(base, this.match) + 1;
    this.#clear();
  }

  /** A new session, because the peer missed something of this one. */
  renew(): void {
    this.session = this.#newSession();
    this.#clear();
  }

  becomeSnapshot(index: number): void {
    this.state = "snapshot";
    this.keepsUpSince = Number.POSITIVE_INFINITY;
    this.#clear();
    this.snapshotIndex = index;
  }

  /**
   * The peer restarted. Nothing it acknowledged counts until it says so again: its disk may have been wiped or rolled
   * back.
   */
  restarted(): void {
    this.matchBefore = Math.max(this.matchBefore, this.match);
    this.match = 0;
    this.next = 1;
    this.synced = false;
    this.incarnation = 0;
    this.recovery = null;
    this.untrusted = false;
    this.promisedUntil = Number.NEGATIVE_INFINITY;
    this.sentCommit = 0;
    this.becomeIdle();
  }

  #clear(): void {
    this.snapshotIndex = 0;
    this.counter = 0;
    this.#counterBefore = 0;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }
}
