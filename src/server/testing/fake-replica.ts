/**
 * A replica without a log: commands are applied to a real keyspace in the next turn. What a service sees of a cluster
 * (leader, learner, refusals) is set by the test.
 */
import { emptyMembership } from "../../consensus/membership.ts";
import type { Clock, ClusterId, MemberId } from "../../environment.ts";
import type { QuorateError } from "../../errors.ts";
import { CommandKind, decodeCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import { type CommandResult, Keyspace } from "../../keyspace/keyspace.ts";
import { Lessor } from "../../keyspace/lessor.ts";
import { encodeMemberContext, type Member } from "../../keyspace/members.ts";
import { WatchHub } from "../../keyspace/watch-hub.ts";
import type { MemberChange, MemberChanged, Replica, ReplicaCounters, ReplicaStatus } from "../../replica/face.ts";
import type { LeaseId } from "../../wire/kv.ts";

export class FakeReplica implements Replica {
  readonly memberId: MemberId = 0xfeedn;
  readonly clusterId: ClusterId = 0xffff_ffff_0000_0001n;
  readonly keyspace: Keyspace = new Keyspace();
  readonly watches: WatchHub;
  readonly lessor: Lessor = new Lessor();
  readonly counters: ReplicaCounters = {
    leaderChanges: 3,
    proposalsCommitted: 0,
    proposalsApplied: 0,
    proposalsFailed: 0,
    readIndexes: 0,
    slowReadIndexes: 0,
    leasesExpired: 0,
    snapshotsSent: 0,
    snapshotsInstalled: 0,
    onSync: null,
  };
  /** Answers all proposals and linearizable reads with this error. */
  failWith: QuorateError | null = null;
  /** Linearizable reads answered, which a test of serializable ones wants to stay 0. */
  reads = 0;
  readonly proposed: Uint8Array[] = [];
  transferredTo: MemberId | null = null;
  readonly #clock: Clock;
  readonly #handlers = new Set<() => void>();
  #leader: MemberId = this.memberId;
  #learners: MemberId[] = [];
  #commit = 0;

  constructor(clock: Clock, members: readonly Member[] = []) {
    this.#clock = clock;
    this.watches = new WatchHub(this.keyspace, () => this.#catchUpSoon());
    this.lessor.promote(clock.now(), []);
    const self: Member = {
      id: this.memberId,
      name: "one",
      peerUrls: ["http://127.0.0.1:2380"],
      clientUrls: ["http://127.0.0.1:2379"],
      isLearner: false,
    };
    this.keyspace.applyMembership(encodeMemberContext({ op: "genesis", members: [self, ...members] }));
  }

  /** Sets what the cluster looks like from here. */
  become(situation: { leader?: MemberId; learner?: boolean }): void {
    if (situation.leader !== undefined) this.#leader = situation.leader;
    if (situation.learner !== undefined) this.#learners = situation.learner ? [this.memberId] : [];
    for (const handle of this.#handlers) handle();
  }

  status(): ReplicaStatus {
    const { keyspace } = this;
    return {
      engine: {
        id: this.memberId,
        role: this.#leader === this.memberId ? "leader" : "follower",
        leader: this.#leader,
        epoch: 7,
        commit: this.#commit,
        applied: this.#commit,
        lastIndex: this.#commit,
        durableIndex: this.#commit,
        firstIndex: 1,
        membership: { ...emptyMembership, voters: [this.memberId], learners: this.#learners },
        settled: true,
        transferee: 0n,
        untrusted: false,
        diskStalled: false,
        peers: new Map(),
        droppedMessages: 0,
      },
      liveBytes: keyspace.liveBytes,
      historyBytes: keyspace.historyBytes,
      diskBytes: 0,
      quotaBytes: 0,
      diskFull: false,
      pending: 0,
      leaderlessMs: 0,
      connected: [],
    };
  }

  propose(command: Uint8Array, done: (result: CommandResult) => void): void {
    this.#clock.soon(() => {
      const { keyspace } = this;
      if (this.failWith !== null) {
        done({ type: "error", revision: keyspace.revision, error: this.failWith });
        return;
      }
      done(this.apply(command));
    });
  }

  /** Applies a command at once, as the log would. */
  apply(command: Uint8Array): CommandResult {
    const { keyspace, watches, lessor } = this;
    this.proposed.push(command);
    this.#commit += 1;
    if (command[0] === CommandKind.compact) watches.publish();
    const result = keyspace.apply(command);
    if (result.type === "leaseGrant") lessor.granted(result.id, result.ttl, this.#clock.now());
    if (result.type === "compact") watches.compacted();
    if (result.type === "done" && command[0] === CommandKind.leaseRevoke) {
      const revoke = decodeCommand(command);
      if (revoke.type === "leaseRevoke") lessor.revoked(revoke.id);
    }
    watches.publish();
    return result;
  }

  linearize(done: (error: QuorateError | null) => void): void {
    this.#clock.soon(() => {
      this.reads += 1;
      done(this.failWith);
    });
  }

  renewLease(id: LeaseId): Promise<number> {
    if (this.failWith !== null) return Promise.reject(this.failWith);
    return Promise.resolve(this.lessor.renew(id, this.#clock.now()) ?? 0);
  }

  leaseTimeToLive(id: LeaseId): Promise<{ grantedTtl: number; ttl: number } | null> {
    const lease = this.keyspace.leases.get(id);
    const ttl = this.lessor.remaining(id, this.#clock.now());
    return Promise.resolve(lease === null || ttl === null ? null : { grantedTtl: lease.ttl, ttl });
  }

  changeMembership(change: MemberChange): Promise<MemberChanged> {
    const { members } = this.keyspace;
    if (change.type === "add") {
      const member: Member = {
        id: 0xadd0n,
        name: "",
        peerUrls: change.peerUrls,
        clientUrls: [],
        isLearner: change.learner,
      };
      this.keyspace.applyMembership(encodeMemberContext({ op: "add", member }));
      return Promise.resolve({ member, members: members.list() });
    }
    const member = members.get(change.id);
    if (member === null) return Promise.reject(etcdErrors.memberNotFound());
    this.keyspace.applyMembership(encodeMemberContext({ op: change.type, id: change.id }));
    return Promise.resolve({ member, members: members.list() });
  }

  transferLeadership(to: MemberId): Promise<void> {
    this.transferredTo = to;
    return Promise.resolve();
  }

  onStatusChange(handle: () => void): () => void {
    this.#handlers.add(handle);
    return () => this.#handlers.delete(handle);
  }

  #catchUpSoon(): void {
    this.#clock.soon(() => {
      if (this.watches.catchUp(1_000)) this.#catchUpSoon();
    });
  }
}
