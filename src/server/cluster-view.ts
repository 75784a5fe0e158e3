/**
 * What every request needs to know of the cluster, kept at hand: who leads, in which epoch, and whether this member is
 * a learner. Read from the replica when that changes, not for each request.
 */
import type { MemberId } from "../environment.ts";
import type { Replica } from "../replica/face.ts";
import type { ResponseHeader } from "../wire/kv.ts";

export class ClusterView {
  readonly #replica: Replica;
  readonly #stop: () => void;
  readonly #handlers = new Set<() => void>();
  #leader: MemberId = 0n;
  #epoch = 0;
  #isLearner = false;

  constructor(replica: Replica) {
    this.#replica = replica;
    this.#stop = replica.onStatusChange(() => {
      this.#read();
      for (const handle of this.#handlers) handle();
    });
    this.#read();
  }

  /** 0n: unknown. */
  get leader(): MemberId {
    return this.#leader;
  }

  get hasLeader(): boolean {
    return this.#leader !== 0n;
  }

  get isLeader(): boolean {
    return this.#leader === this.#replica.memberId;
  }

  get isLearner(): boolean {
    return this.#isLearner;
  }

  /** The header of a reply that speaks of this revision. */
  header(revision: number): ResponseHeader {
    const { clusterId, memberId } = this.#replica;
    return { clusterId, memberId, revision, raftTerm: this.#epoch };
  }

  /** The same for messages of the generated code; the current revision if none is given. */
  wireHeader(revision: number = this.#replica.keyspace.revision): {
    clusterId: bigint;
    memberId: bigint;
    revision: bigint;
    raftTerm: bigint;
  } {
    const { clusterId, memberId } = this.#replica;
    return { clusterId, memberId, revision: BigInt(revision), raftTerm: BigInt(this.#epoch) };
  }

  /** Calls `handle` after any of this may have changed. Returns the way to stop. */
  onChange(handle: () => void): () => void {
    this.#handlers.add(handle);
    return () => this.#handlers.delete(handle);
  }

  close(): void {
    this.#stop();
    this.#handlers.clear();
  }

  #read(): void {
    const { leader, epoch, membership } = this.#replica.status().engine;
    this.#leader = leader;
    this.#epoch = epoch;
    this.#isLearner = membership.learners.includes(this.#replica.memberId);
  }
}
