/**
 * What a leader knows of one peer, and how much it may send it.
 *
 *                 acknowledged                   too far behind
 *        probe ----------------> replicate      any -----------> snapshot
 *          ^                        |                               |
 *          +------ refused, --------+                               |
 *          |       link lost                                        |
 *          +----------------- snapshot sent, or failed -------------+
 *
 * probe: one message at a time, until one is acknowledged. replicate: a pipeline of messages, bounded in number and
 * bytes. snapshot: nothing, a snapshot is on its way.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

/** What must happen before an untrusted peer is trusted again. */
export interface Recovery {
  /** A heartbeat round started after the peer's return, to be confirmed by a quorum without it. */
  readonly round: number;
  /** The leader's last index when it noticed: to be committed without the peer, and held by it. */
  readonly index: number;
}

export class Progress {
  readonly id: MemberId;
  learner: boolean;
  state: ProgressState = "probe";
  /** Highest index known to match and to be durable there, in its present incarnation. Invariant: match < next. */
  match = 0;
  /** The next index to send. */
  next: number;
  /** probe: the one message is out; wait for its answer or the next heartbeat's. */
  paused = false;
  /** snapshot: the least index the snapshot on its way stands for. */
  snapshotIndex = 0;
  /** Commit index last told. */
  sentCommit = 0;
  /** Until then it waits for commits: for the results of what it forwarded, or for a read's index. */
  eagerUntil: number = Number.NEGATIVE_INFINITY;
  /** When anything was last heard, ms; starts with the leadership. */
  lastHeard: number;
  /** 0: not heard from yet. */
  incarnation = 0;
  session = 1;
  /** Highest index acknowledged by an earlier incarnation: what a sound disk would still hold. */
  matchBefore = 0;
  lostData = false;
  untrusted = false;
  stalled = false;
  recovery: Recovery | null = null;
  /** Newest heartbeat round answered. */
  round = 0;
  /** Until when, on the leader's clock, the peer promised to help elect nobody else; without margin for drift. */
  promisedUntil: number = Number.NEGATIVE_INFINITY;
  /** Since when the peer keeps up; Infinity: it does not. For handing leadership to a preferred member. */
  keepsUpSince: number = Number.POSITIVE_INFINITY;
  /** A removed member still gets its removal: the index of that entry; null: it takes part. */
  departing: { readonly index: number; readonly until: number } | null = null;

  readonly #maxMessages: number;
  readonly #maxBytes: number;
  /** Messages on their way, oldest first: last index and bytes of each. */
  #inflight: { readonly lastIndex: number; readonly bytes: number }[] = [];
  #inflightBytes = 0;

  constructor(
    id: MemberId,
    setup: { learner: boolean; next: number; now: number; maxMessages: number; maxBytes: number },
  ) {
    this.id = id;
    this.learner = setup.learner;
    this.next = setup.next;
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

  /** A full window takes nothing more; bytes may exceed their limit by the one message that filled it. */
  get windowFull(): boolean {
    return this.#inflight.length >= this.#maxMessages || this.#inflightBytes >= this.#maxBytes;
  }

  get maySend(): boolean {
    switch (this.state) {
      case "probe":
        return !this.paused;
      case "replicate":
        return !this.windowFull;
      case "snapshot":
        return false;
    }
  }

  /** A message with entries up to `lastIndex` went out. */
  sent(lastIndex: number, bytes: number): void {
    if (this.state === "probe") {
      this.paused = true;
      return;
    }
    if (this.state !== "replicate")
      throw new InvariantViolation(`entries sent to ${this.id.toString(16)} while a snapshot is on its way`);
    this.next = lastIndex + 1;
    this.#inflight.push({ lastIndex, bytes });
    this.#inflightBytes += bytes;
  }

  /** Everything up to `index` is durable there. Returns whether that was news. */
  acknowledged(index: number): boolean {
    let freed = 0;
    while (freed < this.#inflight.length) {
      const message = this.#inflight[freed] as { lastIndex: number; bytes: number };
      if (message.lastIndex > index) break;
      this.#inflightBytes -= message.bytes;
      freed++;
    }
    this.#inflight.splice(0, freed);
    const news = index > this.match;
    if (news) this.match = index;
    this.next = Math.max(this.next, index + 1);
    return news;
  }

  becomeProbe(next: number): void {
    this.state = "probe";
    this.next = Math.max(next, this.match + 1);
    this.paused = false;
    this.snapshotIndex = 0;
    this.keepsUpSince = Number.POSITIVE_INFINITY;
    this.#clearWindow();
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.next = this.match + 1;
    this.paused = false;
    this.snapshotIndex = 0;
    this.#clearWindow();
  }

  becomeSnapshot(index: number): void {
    this.state = "snapshot";
    this.snapshotIndex = index;
    this.keepsUpSince = Number.POSITIVE_INFINITY;
    this.#clearWindow();
  }

  /**
   * The peer restarted. Nothing it acknowledged counts until it says so again: its disk may have been wiped or rolled
   * back. Asked for first is what a sound disk would hold.
   */
  restarted(): void {
    this.matchBefore = Math.max(this.matchBefore, this.match);
    this.match = 0;
    this.incarnation = 0;
    this.session++;
    this.recovery = null;
    this.untrusted = false;
    this.promisedUntil = Number.NEGATIVE_INFINITY;
    this.sentCommit = 0;
    this.becomeProbe(this.matchBefore + 1);
  }

  #clearWindow(): void {
    this.#inflight = [];
    this.#inflightBytes = 0;
  }
}
