/**
 * One member's part in one group: the place where an engine's effects are carried out.
 *
 * All that happens in one turn of the event loop (frames, requests, finished writes) is fed to the engine first; at the
 * end of the turn its effects are taken once and carried out as one batch:
 *
 *     inputs ─▶ engine ─▶ effects ─┬▶ peers (what promises nothing yet)   ┐ at the same time
 *                                  ├▶ disk ─▶ durable ─▶ peers (what does)┘
 *                                  └▶ committed ─▶ keyspace ─▶ answers, watchers
 *
 * It talks to the world through the ports of `environment.ts` only, so that the simulator can be the world. It must not
 * know which engine runs, nor anything of gRPC or HTTP.
 */
import type { Effects, Engine, Input, Refusal, SnapshotMeta } from "../consensus/engine.ts";
import type { Membership } from "../consensus/membership.ts";
import type { Clock, ClusterId, Logger, MemberId } from "../environment.ts";
import type { QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { CommandResult, Keyspace } from "../keyspace/keyspace.ts";
import { WatchHub } from "../keyspace/watch-hub.ts";
import { FrameKind, type Transport } from "../transport/transport.ts";
import type { LeaseId } from "../wire/kv.ts";
import { Applier, type ApplierEvents } from "./applier.ts";
import type {
  CallOptions,
  MemberChange,
  MemberChanged,
  ProposeOptions,
  Replica,
  ReplicaCounters,
  ReplicaStatus,
} from "./face.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Intake } from "./intake.ts";
import { leaderAnswers } from "./leader-answers.ts";
import { LeaderCalls } from "./leader-calls.ts";
import { Leasing } from "./leasing.ts";
import { newCounters, type ReplicaOptions } from "./options.ts";
import { Outbox } from "./outbox.ts";
import { Peers } from "./peers.ts";
import { Reads } from "./reads.ts";
import { Reconfigurations } from "./reconfigurations.ts";
import { Requests } from "./requests.ts";
import { Snapshots } from "./snapshots.ts";
import { Standing } from "./standing.ts";
import { Transfers } from "./transfers.ts";
import { Turns } from "./turns.ts";

/** Changes replayed to lagging watchers, and records of compacted history dropped, in one turn. */
const CATCH_UP_CHANGES = 5_000;
const SWEEP_RECORDS = 2_000;
export class GroupReplica implements Replica {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly watches: WatchHub;
  readonly counters: ReplicaCounters = newCounters();
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #transport: Transport;
  readonly #applier: Applier;
  readonly #outbox: Outbox;
  readonly #intake: Intake;
  readonly #reads = new Reads();
  readonly #requests: Requests;
  readonly #reconfigurations: Reconfigurations;
  readonly #transfers: Transfers;
  readonly #leasing: Leasing;
  readonly #leaderCalls: LeaderCalls;
  readonly #housekeeping: Housekeeping;
  readonly #snapshots: Snapshots;
  readonly #peers: Peers;
  readonly #standing: Standing;
  readonly #turns: Turns;
  #nextId = 1;
  #turning = false;
  /** The engine has had an input since it was asked for its effects; a new one has things to say, too. */
  #stepped = true;
  #stopped = false;
  #diskFull = false;

  constructor(options: ReplicaOptions) {
    const { environment, transport, group, memberId } = options;
    const { clock, logger } = environment;
    this.#options = options;
    this.#clock = clock;
    this.#logger = logger;
    this.memberId = memberId;
    this.clusterId = options.clusterId;
    this.#engine = options.engine;
    this.#transport = transport;
    this.#standing = new Standing(clock, options.engine.status);
    this.#turns = new Turns(clock, options.tickMs, {
      turn: () => this.#turn(),
      tick: () => this.#tick(),
      early: () => this.#step({ type: "tick" }),
    });
    const wake = (): void => this.#turns.wake();
    this.watches = new WatchHub(options.keyspace, wake);
    this.#transfers = new Transfers(clock, memberId);
    this.#outbox = new Outbox(({ to, pieces, bulk }) => {
      transport.send(to, group, FrameKind.engine, pieces, bulk);
    });
    const step = (input: Input): void => this.#step(input);
    const failed = (error: unknown): void => this.#fail(error);
    this.#intake = new Intake(options, { nextId: () => this.#nextId++, step });
    this.#applier = new Applier({ clock, ...options, events: this.#applied() });
    this.#snapshots = new Snapshots(options, {
      counters: this.counters,
      entryBytes: (index) => this.#engine.entryAt(index)?.data.length ?? 0,
      step,
      applied: () => ({ meta: this.#applier.position, freeze: () => this.keyspace.freeze() }),
      failed,
    });
    this.#requests = new Requests(
      options,
      leaderAnswers({
        renewLease: (id) => this.renewLease(id),
        leaseTimeToLive: (id) => this.leaseTimeToLive(id),
        changeMembership: (change) => this.changeMembership(change),
        leads: () => this.#leads,
      }),
    );
    this.#reconfigurations = new Reconfigurations((id, change, context) =>
      this.#step({ type: "reconfigure", id, change, context }),
    );
    this.#leasing = new Leasing({
      clock,
      keyspace: () => this.keyspace,
      epochLed: () => (this.#leads ? this.#engine.status.epoch : 0),
      propose: (command, epoch, done) => this.propose(command, done, { onlyInEpoch: epoch }),
      linearize: (done) => this.linearize(done),
      expired: () => {
        this.counters.leasesExpired++;
      },
    });
    this.#leaderCalls = new LeaderCalls({
      clock,
      random: environment.random,
      requests: this.#requests,
      leasing: this.#leasing,
      status: () => this.#engine.status,
      stopped: () => this.#stopped,
      members: () => this.keyspace.members,
      linearize: (done) => this.linearize(done),
      reconfigure: (plan, done) => {
        this.#reconfigurations.add(plan, done, this.#deadline({}));
        wake();
      },
      strictReconfigCheck: options.strictReconfigCheck,
      timeoutMs: options.callTimeoutMs,
    });
    this.#housekeeping = new Housekeeping(options.housekeeping, (command) =>
      this.propose(command, () => {}, { onlyInEpoch: this.#leasing.epoch }),
    );
    this.#peers = new Peers({ self: memberId, transport, clock, logger, known: options.knownPeers });
    this.#peers.update(options.keyspace.members.list());
  }

  get keyspace(): Keyspace {
    return this.#applier.keyspace;
  }

  get #leads(): boolean {
    return this.#engine.status.role === "leader";
  }

  start(): void {
    this.#turns.start();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#halt();
    await this.#snapshots.stop();
  }

  #halt(): void {
    this.#stopped = true;
    this.#turns.stop();
    this.#leasing.demote();
    this.#intake.stop(this.keyspace.revision);
    this.#reads.stop();
    this.#requests.stop();
    this.#reconfigurations.stop();
    this.#transfers.stop();
    this.#snapshots.demote();
    this.#standing.tell();
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    this.#halt();
    this.#options.events.failed(error);
  }

  // ── What happens to a replica ──────────────────────────────────────────────────────────────────────────────────────

  frame(from: MemberId, kind: FrameKind, payload: Uint8Array): void {
    if (this.#stopped) return;
    switch (kind) {
      case FrameKind.engine:
        return this.#step({ type: "message", from, bytes: payload });
      case FrameKind.forward:
        this.#intake.takeForward(from, payload, this.#engine.status);
        return this.#turns.wake();
      case FrameKind.request:
        return this.#requests.request(from, payload);
      case FrameKind.response:
        return this.#requests.response(from, payload);
      case FrameKind.snapshotChunk:
        return this.#snapshots.chunk(from, payload);
      case FrameKind.snapshotAck:
        return this.#snapshots.ack(from, payload);
    }
  }

  linkUp(peer: MemberId): void {
    if (this.#stopped) return;
    this.#step({ type: "linkUp", peer });
    this.#intake.linkReplaced(peer);
    this.#snapshots.linkUp(peer);
  }

  linkLost(peer: MemberId): void {
    if (this.#stopped) return;
    this.#requests.linkLost(peer);
    this.#step({ type: "linkLost", peer });
  }

  /** Writes up to this number are on disk. */
  durable(write: number): void {
    if (this.#stopped) return;
    this.#stepBeforeTurn({ type: "durable", write });
    this.#outbox.written(write);
    // A peer waits for this; the rest of the turn can wait.
    this.#transport.flush();
    this.#turn();
  }

  diskFull(isFull: boolean): void {
    this.#diskFull = isFull;
  }

  // ── What those above ask ───────────────────────────────────────────────────────────────────────────────────────────

  propose(command: Uint8Array, done: (result: CommandResult) => void, options: ProposeOptions = {}): void {
    const refuse = (error: QuorateError): void => {
      this.counters.proposalsFailed++;
      this.#clock.soon(() => done({ type: "error", revision: this.keyspace.revision, error }));
    };
    if (this.#stopped) return refuse(etcdErrors.serverStopped());
    const taken = this.#intake.add(command, done, this.#deadline(options), options.onlyInEpoch ?? null);
    if (!taken) return refuse(etcdErrors.tooManyRequests());
    this.#turns.wake();
  }

  linearize(done: (error: QuorateError | null) => void, options: CallOptions = {}): void {
    if (this.#stopped) return this.#clock.soon(() => done(etcdErrors.serverStopped()));
    this.counters.readIndexes++;
    this.#reads.add(done, this.#deadline(options));
    this.#turns.wake();
  }

  renewLease(id: LeaseId): Promise<number> {
    return this.#leaderCalls.renewLease(id);
  }

  leaseTimeToLive(id: LeaseId): Promise<{ grantedTtl: number; ttl: number } | null> {
    return this.#leaderCalls.leaseTimeToLive(id);
  }

  changeMembership(change: MemberChange): Promise<MemberChanged> {
    return this.#leaderCalls.changeMembership(change);
  }

  async transferLeadership(to: MemberId): Promise<void> {
    if (this.#stopped || !this.#leads) throw etcdErrors.notLeader();
    if (to === this.memberId) return;
    const id = this.#nextId++;
    const done = this.#transfers.add(id, this.#options.callTimeoutMs);
    this.#step({ type: "transfer", id, to });
    await done;
  }

  status(): ReplicaStatus {
    const { liveBytes, historyBytes } = this.keyspace;
    return {
      engine: this.#engine.status,
      liveBytes,
      historyBytes,
      diskBytes: this.#options.diskBytes(),
      quotaBytes: this.#options.housekeeping.quotaBytes,
      diskFull: this.#diskFull,
      pending: this.#intake.pending,
      leaderlessMs: this.#standing.leaderlessMs,
      connected: this.#peers.connected(),
    };
  }

  onStatusChange(handle: () => void): () => void {
    return this.#standing.onChange(handle);
  }

  #deadline({ timeoutMs }: CallOptions): number {
    return this.#clock.now() + (timeoutMs ?? this.#options.callTimeoutMs);
  }

  // ── A turn ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #step(input: Input): void {
    this.#stepBeforeTurn(input);
    // A turn under way takes the effects itself.
    if (!this.#turning) this.#turns.wake();
  }

  /** For who takes a turn right after it. */
  #stepBeforeTurn(input: Input): void {
    if (this.#stopped) return;
    this.#stepped = true;
    try {
      this.#engine.step(input, this.#clock.now());
    } catch (error) {
      this.#fail(error);
    }
  }

  #turn(): void {
    if (this.#stopped || this.#turning) return;
    this.#turning = true;
    try {
      const now = this.#clock.now();
      this.#feed(now);
      this.#drain(now);
      // One slice: what is left comes in the next turn, after heartbeats and requests.
      if (this.#apply()) this.#drain(now);
      this.#transport.flush();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#turning = false;
    }
  }

  /** What the engine refuses or answers may lead to further inputs: until it has had none since it was asked. */
  #drain(now: number): void {
    while (this.#stepped && !this.#stopped) {
      this.#stepped = false;
      this.#carryOut(this.#engine.effects(), now);
    }
  }

  /** Hands what waits here to the engine, or to the leader. */
  #feed(now: number): void {
    if (this.#reads.due(now) && this.#engine.status.leader !== 0n) {
      const id = this.#nextId++;
      this.#reads.ask(id, now);
      this.#step({ type: "read", id });
    }
    this.#reconfigurations.run(now, () => this.#nextId++);
    this.#intake.feed(this.#engine.status, now, this.keyspace.revision);
  }

  #carryOut(effects: Effects, now: number): void {
    for (const { level, fields, message } of effects.notices) this.#logger[level](fields, message);
    if (effects.installSnapshot !== null) this.#applier.install(effects.installSnapshot);
    this.#outbox.post(effects.messages);
    if (effects.write !== null) {
      // The peers first: their disks are to work at the same time as ours.
      this.#transport.flush();
      this.#options.storage.write(effects.write);
    }
    for (const { id } of effects.accepted) this.#intake.accepted(id);
    for (const { id, reason, detail } of effects.refused) this.#refused(id, reason, detail, now);
    this.counters.proposalsCommitted += effects.committed.length;
    this.#applier.committed(effects.committed);
    for (const { id, index } of effects.reads) this.#reads.indexed(id, index, this.#applier.index);
    for (const { to, index } of effects.sendSnapshot) this.#snapshots.send(to, index);
    if (effects.statusChanged) this.#statusChanged();
    if (effects.wakeAt !== null) this.#turns.wakeAt(effects.wakeAt, now);
  }

  #refused(id: number, reason: Refusal, detail: string, now: number): void {
    if (this.#intake.refused(id, reason, now)) return;
    if (this.#reads.refused(id, now)) return;
    if (this.#transfers.refused(id, reason)) return;
    this.#reconfigurations.refused(id, reason, detail, now);
  }

  /** Applies a slice of what is committed; true if the engine should be asked again. */
  #apply(): boolean {
    const before = this.#applier.index;
    if (this.#applier.run()) this.#turns.wake();
    const { index } = this.#applier;
    if (index !== before) {
      this.#step({ type: "applied", index });
      this.watches.publish();
      this.#reads.applied(index);
      this.#promoteIfLeading();
      this.#snapshots.applied(index);
    }
    if (this.watches.catchUp(CATCH_UP_CHANGES)) this.#turns.wake();
    if (this.#applier.sweep(SWEEP_RECORDS)) this.#turns.wake();
    return index !== before;
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#stepBeforeTurn({ type: "tick" });
    if (this.#stopped) return;
    this.#intake.expire(now, this.#standing.hasLeader, this.keyspace.revision);
    this.#reads.expire(now);
    this.#leasing.tick();
    this.#snapshots.tick();
    this.#peers.tick();
    if (this.#leasing.epoch !== 0) this.#housekeeping.tick(now, this.keyspace);
    this.#turn();
  }

  // ── What the state machine did, and who leads ──────────────────────────────────────────────────────────────────────

  #applied(): ApplierEvents {
    return {
      batchApplied: (name, results) => {
        this.counters.proposalsApplied += results.length;
        this.#intake.applied(name, results);
      },
      entryApplied: ({ epoch, data }) => {
        this.#intake.epochApplied(epoch);
        this.#snapshots.entryApplied(data.length);
      },
      membersChanged: () => {
        this.#peers.update(this.keyspace.members.list());
        this.#standing.tell();
      },
      membershipApplied: (membership, context) => this.#membershipApplied(membership, context),
      leaseGranted: (id, ttl) => this.#leasing.granted(id, ttl),
      leaseRevoked: (id) => this.#leasing.revoked(id),
      compacting: () => this.watches.publish(),
      compacted: () => this.watches.compacted(),
      installed: (meta) => this.#installed(meta),
      failed: (error) => this.#fail(error),
      wake: () => this.#turns.wake(),
    };
  }

  #membershipApplied(membership: Membership, context: Uint8Array): void {
    this.#peers.update(this.keyspace.members.list());
    if (context.length > 0) this.#reconfigurations.applied(context);
    const { voters, outgoing, learners } = membership;
    const takesPart = [voters, outgoing, learners].some((ids) => ids.includes(this.memberId));
    if (!takesPart) this.#leaveIfRemoved();
    this.#standing.tell();
  }

  #installed(meta: SnapshotMeta): void {
    this.#intake.outcomeLost(this.keyspace.revision);
    this.watches.replaceSource(this.keyspace);
    this.#peers.update(this.keyspace.members.list());
    this.#step({ type: "applied", index: meta.index });
    this.#reads.applied(meta.index);
    this.#snapshots.installed(meta);
    this.#leaveIfRemoved();
  }

  #leaveIfRemoved(): void {
    if (this.keyspace.members.wasRemoved(this.memberId)) this.#options.events.removed();
  }

  #statusChanged(): void {
    const { status } = this.#engine;
    if (this.#standing.leaderChanged(status)) {
      if (status.leader !== 0n) this.counters.leaderChanges++;
      this.#reads.retryNow();
      if (status.leader !== 0n) this.#requests.leaderChanged(status.leader);
    }
    if (this.#standing.becameTrusted(status)) this.#options.storage.markTrusted();
    this.#intake.statusChanged(status);
    this.#transfers.statusChanged(status);
    if (status.role === "leader") {
      this.#promoteIfLeading();
    } else {
      this.#leasing.demote();
      this.#housekeeping.demote();
      this.#snapshots.demote();
    }
    this.#standing.tell();
  }

  /** Leases are counted down by a leader whose state includes all that its predecessors committed. */
  #promoteIfLeading(): void {
    const { role, epoch } = this.#engine.status;
    if (role === "leader" && this.#applier.epoch === epoch) this.#leasing.promote();
  }
}
