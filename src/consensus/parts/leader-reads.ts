/**
 * The reads that wait at a leader for an index, on behalf of its owner or of a peer.
 *
 *     parked --(settled)--> fresh --(a round starts)--> batch of the round --(a quorum answered it)--> answered
 *
 * All reads of a turn share a round. Whether a lease answers a read at once is its engine's business.
 */
import type { MemberId } from "../../environment.ts";

/** Who asked for a read index: a read of this member's owner, or a peer on behalf of its own. */
export type ReadAsker =
  | { readonly from: "owner"; readonly id: number }
  | { readonly from: "peer"; readonly peer: MemberId; readonly token: number };

/** Reads that one round confirms together. */
export interface ReadBatch {
  readonly round: number;
  /** The commit index when the round started. */
  readonly index: number;
  readonly askers: readonly ReadAsker[];
}

/** The most reads from peers that may wait at a leader: each is a whole turn of a peer's reads. More are turned away. */
export const maxPeerReads = 4096;

const none: readonly never[] = Object.freeze([]);

export class LeaderReads {
  /** Arrived before the leadership was settled. */
  #parked: ReadAsker[] = [];
  /** Arrived in this turn; the turn's end starts a round for them. */
  #fresh: ReadAsker[] = [];
  /** Waiting for a quorum to answer their round, oldest first. */
  #batches: ReadBatch[] = [];

  /** How many wait, where a batch counts as one. */
  get waiting(): number {
    return this.#parked.length + this.#fresh.length + this.#batches.length;
  }

  get hasFresh(): boolean {
    return this.#fresh.length > 0;
  }

  park(asker: ReadAsker): void {
    this.#parked.push(asker);
  }

  add(asker: ReadAsker): void {
    this.#fresh.push(asker);
  }

  takeParked(): readonly ReadAsker[] {
    const parked = this.#parked;
    if (parked.length > 0) this.#parked = [];
    return parked;
  }

  takeFresh(): readonly ReadAsker[] {
    const fresh = this.#fresh;
    if (fresh.length > 0) this.#fresh = [];
    return fresh;
  }

  /** A round starts, after all fresh reads arrived: it will confirm them. */
  batch(round: number, index: number): void {
    if (this.#fresh.length > 0) this.#batches.push({ round, index, askers: this.takeFresh() });
  }

  /** The batches that are confirmed when a quorum has answered `round`. */
  takeConfirmed(round: number): readonly ReadBatch[] {
    let done = 0;
    for (const batch of this.#batches) {
      if (batch.round > round) break;
      done++;
    }
    return done === 0 ? none : this.#batches.splice(0, done);
  }

  /** Everyone that waits: the leadership is over. */
  takeAll(): readonly ReadAsker[] {
    const batched = this.#batches.flatMap((batch) => batch.askers);
    this.#batches = [];
    return [...this.takeParked(), ...this.takeFresh(), ...batched];
  }
}
