/**
 * What a leader knows of one peer, and how much it may send it.
 *
 *                  says what it holds             too far behind
 *        probe ------------------------> replicate     any ------> snapshot
 *          ^                                |                          |
 *          +---------- link lost, restarted-+-- snapshot sent, failed -+
 *
 * probe: nothing is sent until an answer to a heartbeat says where the peer is. replicate: a pipeline of messages,
 * bounded in number and bytes. snapshot: nothing, a snapshot is on its way.
 */
import type { MemberId } from "../../environment.ts";
import { InvariantViolation } from "../../errors.ts";

export type ProgressState = "probe" | "replicate" | "snapshot";

/** What must happen before an untrusted peer is trusted again. */
export interface Recovery {
  /** A beat started after the peer's return, to be answered by a quorum without it. */
  readonly beat: number;
  /** The leader's last slot when it noticed: to be decided without the peer, and held by it. */
  readonly index: number;
}

/** Slots on their way when a heartbeat left: an answer that does not have them shows that they got lost. */
export interface Watch {
  readonly beat: number;
  /** `next` at that time. */
  readonly next: number;
}

export class Progress {
  readonly id: MemberId;
  learner: boolean;
  state: ProgressState = "probe";
  /** All slots up to here are decided or accepted in the leader's round there, and durable. Invariant: match < next. */
  match = 0;
  /** The next slot to send. */
  next: number;
  /** What the peer said last that it holds, durable or not. */
  heldHint = 0;
  /** snapshot: the least index the snapshot on its way stands for. */
  snapshotIndex = 0;
  /** Decided index last told. */
  sentDecided = 0;
  watch: Watch | null = null;
  /** Until then it waits for decisions: for the results of what it forwarded, or for a read's index. */
  eagerUntil: number = Number.NEGATIVE_INFINITY;
  /** When anything was last heard, ms; starts with the leadership. */
  lastHeard: number;
  /** 0: not heard from yet. */
  incarnation = 0;
  session = 1;
  /** Highest slot acknowledged by an earlier incarnation: what a sound disk would still hold. */
  matchBefore = 0;
  lostData = false;
  untrusted = false;
  stalled = false;
  recovery: Recovery | null = null;
  /** Newest beat answered. */
  beat = 0;
  /** Until when, on the leader's clock, the peer promised to help elect nobody else; without margin for drift. */
  promisedUntil: number = Number.NEGATIVE_INFINITY;
  /** Since when the peer keeps up; Infinity: it does not. For handing leadership to a preferred member. */
  keepsUpSince: number = Number.POSITIVE_INFINITY;
  /** A removed member still gets its removal: the index of that entry; null: it takes part. */
  departing: { readonly index: number; readonly until: number } | null = null;

  readonly #maxMessages: number;
  readonly #maxBytes: number;
  /** Messages on their way, oldest first: last slot and bytes of each. */
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

  /** A message with values up to slot `lastIndex` went out. */
  sent(lastIndex: number, bytes: number): void {
    if (this.state !== "replicate") {
      throw new InvariantViolation(`values were sent to ${this.id.toString(16)} in state ${this.state}`);
    }
    this.next = lastIndex + 1;
    this.#inflight.push({ lastIndex, bytes });
    this.#inflightBytes += bytes;
  }

  /** Everything up to `held` is durable there. Returns whether that was news. */
  acknowledged(held: number): boolean {
    let freed = 0;
    while (freed < this.#inflight.length) {
      const message = this.#inflight[freed] as { lastIndex: number; bytes: number };
      if (message.lastIndex > held) break;
      this.#inflightBytes -= message.bytes;
      freed++;
    }
    if (freed > 0) this.#inflight.splice(0, freed);
    const news = held > this.match;
    if (news) this.match = held;
    this.next = Math.max(this.next, held + 1);
    return news;
  }

  /** Nothing is known of what it got: the next answer to a heartbeat tells. */
  becomeProbe(): void {
    this.state = "probe";
    this.next = this.match + 1;
    this.#anew();
  }

  /** It holds everything up to `held`: goes on behind. */
  becomeReplicate(held: number): void {
    this.state = "replicate";
    this.next = Math.max(held, this.match) + 1;
    this.#anew();
  }

  becomeSnapshot(index: number): void {
    this.state = "snapshot";
    this.#anew();
    this.snapshotIndex = index;
  }

  /**
   * The peer restarted. Nothing it acknowledged counts until it says so again: its disk may have been wiped or rolled
   * back.
   */
  restarted(): void {
    this.matchBefore = Math.max(this.matchBefore, this.match);
    this.match = 0;
    this.incarnation = 0;
    this.session++;
    this.recovery = null;
    this.untrusted = false;
    this.promisedUntil = Number.NEGATIVE_INFINITY;
    this.sentDecided = 0;
    this.becomeProbe();
  }

  #anew(): void {
    this.snapshotIndex = 0;
    this.heldHint = 0;
    this.watch = null;
    this.keepsUpSince = Number.POSITIVE_INFINITY;
    this.#inflight = [];
    this.#inflightBytes = 0;
  }
}
