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
import type { ClusterId, Environment, GroupId, Logger, MemberId, Scheduled } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import type { CommandResult, Keyspace } from "../keyspace/keyspace.ts";
import { WatchHub } from "../keyspace/watch-hub.ts";
import type { GroupStorage } from "../storage/storage.ts";
import { FrameKind, type Transport } from "../transport/transport.ts";
import type { LeaseId } from "../wire/kv.ts";
import { Applier } from "./applier.ts";
import { decodeForward, encodeBatch, type Forwarded, forwardHeader } from "./batch.ts";
import type { CallOptions, MemberChange, MemberChanged, Replica, ReplicaCounters, ReplicaStatus } from "./face.ts";
import { Housekeeping, type HousekeepingOptions } from "./housekeeping.ts";
import { leaderAnswers } from "./leader-answers.ts";
import { Leasing } from "./leasing.ts";
import { changeMembership } from "./membership-changes.ts";
import { Outbox } from "./outbox.ts";
import { Peers } from "./peers.ts";
import { Forwards, Proposals } from "./proposals.ts";
import { Reads } from "./reads.ts";
import { Reconfigurations } from "./reconfigurations.ts";
import { Operation, Requests } from "./requests.ts";
import { decodeAck, decodeChunk, encodeAck } from "./snapshot-frames.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { SnapshotSender } from "./snapshot-sender.ts";
import { type SnapshotPolicy, SnapshotTaker } from "./snapshot-taker.ts";

export interface ReplicaOptions {
  readonly environment: Environment;
  readonly clusterId: ClusterId;
  readonly memberId: MemberId;
  readonly group: GroupId;
  readonly storage: GroupStorage;
  readonly transport: Transport;
  readonly engine: Engine;
  /** The state at `snapshot`, or an empty one. */
  readonly keyspace: Keyspace;
  readonly snapshot: SnapshotMeta | null;
  readonly snapshotPolicy: SnapshotPolicy;
  /** Entries behind a snapshot that stay in memory for peers that lag a little. */
  readonly catchUpEntries: number;
  readonly housekeeping: HousekeepingOptions;
  readonly strictReconfigCheck: boolean;
  readonly callTimeoutMs: number;
  readonly tickMs: number;
  /** Commands, and bytes of them, that wait at once. */
  readonly maxPendingCommands: number;
  readonly maxPendingBytes: number;
  /** Members known before the log says so: for a member that joins. */
  readonly knownPeers: readonly { readonly id: MemberId; readonly peerUrls: readonly string[] }[];
  readonly diskBytes: () => number;
  readonly events: ReplicaEvents;
}

export interface ReplicaEvents {
  /** A broken invariant, or damage: the replica has stopped, the member must end. */
  failed(error: unknown): void;
  /** This member was removed from the cluster. */
  removed(): void;
}

const HOUSEKEEPING_MS = 1_000;
/** Changes replayed to lagging watchers, and records of compacted history dropped, in one turn. */
const CATCH_UP_CHANGES = 5_000;
const SWEEP_RECORDS = 2_000;
/** After "too many uncommitted bytes": wait for acknowledgements before trying again. */
const PROPOSE_AGAIN_MS = 5;

type Asked =
  | { readonly type: "own"; readonly sequence: number }
  | { readonly type: "forwarded"; readonly forwarded: Forwarded }
  | { readonly type: "read" }
  | { readonly type: "transfer"; readonly reject: (error: QuorateError) => void };

export class GroupReplica implements Replica {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly watches: WatchHub;
  readonly counters: ReplicaCounters;
  readonly #options: ReplicaOptions;
  readonly #environment: Environment;
  readonly #logger: Logger;
  readonly #engine: Engine;
  readonly #transport: Transport;
  readonly #applier: Applier;
  readonly #outbox: Outbox;
  readonly #proposals: Proposals;
  readonly #forwards = new Forwards();
  #forwarded: Forwarded[] = [];
  readonly #reads = new Reads();
  readonly #requests: Requests;
  readonly #reconfigurations: Reconfigurations;
  readonly #leasing: Leasing;
  readonly #housekeeping: Housekeeping;
  readonly #taker: SnapshotTaker;
  readonly #sender: SnapshotSender;
  readonly #receiver: SnapshotReceiver;
  readonly #peers: Peers;
  readonly #asked = new Map<number, Asked>();
  readonly #statusHandlers = new Set<() => void>();
  readonly #boot: number;
  #nextId = 1;
  #scheduled = false;
  #turning = false;
  #stopped = false;
  #ticker: Scheduled | null = null;
  #early: Scheduled | null = null;
  #housekeepingAt = 0;
  #proposeNotBefore = 0;
  #leader: MemberId = 0n;
  #leaderlessSince: number;
  #sweeping = false;
  #diskFull = false;
  #wantSnapshot = false;

  constructor(options: ReplicaOptions) {
    const { environment, storage, transport } = options;
    this.#options = options;
    this.#environment = environment;
    this.#logger = environment.logger;
    this.memberId = options.memberId;
    this.clusterId = options.clusterId;
    this.#engine = options.engine;
    this.#transport = transport;
    this.#boot = environment.random.uint32();
    this.#leaderlessSince = environment.clock.now();
    this.counters = newCounters();
    this.#proposals = new Proposals({ maxCommands: options.maxPendingCommands, maxBytes: options.maxPendingBytes });
    this.#outbox = new Outbox((message) => {
      transport.send(message.to, options.group, FrameKind.engine, message.pieces, message.bulk);
    });
    this.#applier = new Applier({
      clock: environment.clock,
      storage,
      keyspace: options.keyspace,
      snapshot: options.snapshot,
      events: {
        batchApplied: (name, results) => {
          this.counters.proposalsApplied += results.length;
          if (name.proposer === this.memberId && name.boot === this.#boot)
            this.#proposals.applied(name.sequence, results);
        },
        entryApplied: (entry) => {
          this.#proposals.epochApplied(entry.epoch);
          this.#taker.applied(1, entry.data.length);
        },
        membershipApplied: (membership, context) => this.#membershipApplied(membership, context),
        leaseGranted: (id, ttl) => this.#leasing.granted(id, ttl),
        leaseRevoked: (id) => this.#leasing.revoked(id),
        compacted: () => {
          this.#sweeping = true;
          this.watches.compacted();
        },
        installed: (meta) => this.#installed(meta),
        failed: (error) => this.#fail(error),
        wake: () => this.#wake(),
      },
    });
    this.watches = new WatchHub(options.keyspace);
    const group = options.group;
    this.#requests = new Requests(
      environment.clock,
      (to, what, payload) => {
        const sent = transport.send(
          to,
          group,
          what === "request" ? FrameKind.request : FrameKind.response,
          [payload],
          false,
        );
        transport.flush();
        return sent;
      },
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
      clock: environment.clock,
      keyspace: () => this.keyspace,
      propose: (command, done) => this.propose(command, done),
      linearize: (done) => this.linearize(done),
      expired: () => {
        this.counters.leasesExpired++;
      },
    });
    this.#housekeeping = new Housekeeping(options.housekeeping, (command) => this.propose(command, () => {}));
    this.#taker = new SnapshotTaker({
      storage,
      policy: options.snapshotPolicy,
      logger: this.#logger,
      taken: (meta) => this.#snapshotTaken(meta),
      failed: (error) => this.#fail(error),
    });
    this.#sender = new SnapshotSender({
      storage,
      clock: environment.clock,
      logger: this.#logger,
      send: (to, pieces) => {
        const sent = transport.send(to, group, FrameKind.snapshotChunk, pieces, true);
        transport.flush();
        return sent;
      },
      sent: (to, index, ok) => {
        if (ok) this.counters.snapshotsSent++;
        this.#step({ type: "snapshotSent", to, index, ok });
      },
    });
    this.#receiver = new SnapshotReceiver({
      storage,
      logger: this.#logger,
      ack: (to, ack) => {
        transport.send(to, group, FrameKind.snapshotAck, [encodeAck(ack)], false);
        transport.flush();
      },
      received: (from, snapshot) => this.#step({ type: "snapshotReceived", from, snapshot }),
    });
    this.#peers = new Peers({ self: this.memberId, transport, clock: environment.clock, known: options.knownPeers });
    this.#peers.update(options.keyspace.members.list());
  }

  get keyspace(): Keyspace {
    return this.#applier.keyspace;
  }

  get #leads(): boolean {
    return this.#engine.status.role === "leader";
  }

  start(): void {
    const tick = (): void => {
      if (this.#stopped) return;
      this.#ticker = this.#environment.clock.after(this.#options.tickMs, tick);
      this.#tick();
    };
    tick();
  }

  async stop(): Promise<void> {
    if (this.#stopped) return;
    this.#halt();
    await Promise.all([this.#taker.stop(), this.#receiver.stop()]);
  }

  #halt(): void {
    this.#stopped = true;
    this.#ticker?.cancel();
    this.#early?.cancel();
    this.#leasing.demote();
    this.#proposals.stop(this.keyspace.revision);
    this.#reads.stop();
    this.#requests.stop();
    this.#reconfigurations.stop();
    this.#sender.stop();
    for (const asked of this.#asked.values()) if (asked.type === "transfer") asked.reject(etcdErrors.serverStopped());
    this.#asked.clear();
    for (const handle of this.#statusHandlers) handle();
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
        return this.#takeForward(from, payload);
      case FrameKind.request:
        return this.#requests.request(from, payload);
      case FrameKind.response:
        return this.#requests.response(from, payload);
      case FrameKind.snapshotChunk: {
        const chunk = decodeChunk(payload);
        if (chunk !== null) this.#receiver.chunk(from, chunk, this.#applier.index);
        return;
      }
      case FrameKind.snapshotAck: {
        const ack = decodeAck(payload);
        if (ack !== null) this.#sender.ack(from, ack);
        return;
      }
    }
  }

  linkUp(peer: MemberId): void {
    if (this.#stopped) return;
    this.#step({ type: "linkUp", peer });
    if (peer === this.#engine.status.leader) this.#proposals.forgetSent();
    this.#sender.linkUp(peer);
  }

  linkLost(peer: MemberId): void {
    if (this.#stopped) return;
    this.#requests.linkLost(peer);
    this.#step({ type: "linkLost", peer });
  }

  /** Writes up to this number are on disk. */
  durable(write: number): void {
    if (this.#stopped) return;
    this.#step({ type: "durable", write });
    this.#outbox.written(write);
    this.#turn();
  }

  diskFull(isFull: boolean): void {
    this.#diskFull = isFull;
  }

  // ── What those above ask ───────────────────────────────────────────────────────────────────────────────────────────

  propose(command: Uint8Array, done: (result: CommandResult) => void, options: CallOptions = {}): void {
    const refuse = (error: QuorateError): void => {
      this.counters.proposalsFailed++;
      this.#environment.clock.soon(() => done({ type: "error", revision: this.keyspace.revision, error }));
    };
    if (this.#stopped) return refuse(etcdErrors.serverStopped());
    if (!this.#proposals.add(command, done, this.#deadline(options))) return refuse(etcdErrors.tooManyRequests());
    this.#wake();
  }

  linearize(done: (error: QuorateError | null) => void, options: CallOptions = {}): void {
    if (this.#stopped) return this.#environment.clock.soon(() => done(etcdErrors.serverStopped()));
    this.counters.readIndexes++;
    this.#reads.add(done, this.#deadline(options));
    this.#wake();
  }

  async renewLease(id: LeaseId): Promise<number> {
    if (this.#leads) return await this.#leasing.renew(id);
    const answer = await this.#askLeader(Operation.renewLease, { id: id.toString() });
    return typeof answer === "number" ? answer : 0;
  }

  async leaseTimeToLive(id: LeaseId): Promise<{ grantedTtl: number; ttl: number } | null> {
    if (this.#leads) return await this.#leasing.timeToLive(id);
    const answer = await this.#askLeader(Operation.leaseTimeToLive, { id: id.toString() });
    if (answer === null || typeof answer !== "object") return null;
    const { grantedTtl, ttl } = answer as { grantedTtl?: unknown; ttl?: unknown };
    return typeof grantedTtl === "number" && typeof ttl === "number" ? { grantedTtl, ttl } : null;
  }

  async changeMembership(change: MemberChange): Promise<MemberChanged> {
    if (this.#leads) {
      return await changeMembership(change, {
        random: this.#environment.random,
        status: () => this.#engine.status,
        members: () => this.keyspace.members,
        strict: this.#options.strictReconfigCheck,
        reconfigure: (wish, context, done) => {
          this.#reconfigurations.add(wish, context, done, this.#deadline({}));
          this.#wake();
        },
      });
    }
    const id = change.type === "add" ? undefined : change.id.toString();
    const answer = await this.#askLeader(Operation.changeMembership, { ...change, id });
    const memberId = BigInt(String(answer));
    await new Promise<void>((resolve, reject) => {
      this.linearize((error) => (error === null ? resolve() : reject(error)));
    });
    const members = this.keyspace.members.list();
    const member = members.find((one) => one.id === memberId);
    const gone = { id: memberId, name: "", peerUrls: [], clientUrls: [], isLearner: false };
    return { member: member ?? gone, members };
  }

  transferLeadership(to: MemberId): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#stopped || !this.#leads) return reject(etcdErrors.notLeader());
      const id = this.#nextId++;
      const stop = this.onStatusChange(() => {
        if (this.#stopped) return finish(etcdErrors.serverStopped());
        const { leader } = this.#engine.status;
        if (leader !== 0n && leader !== this.memberId) finish(null);
      });
      const timer = this.#environment.clock.after(this.#options.callTimeoutMs, () => finish(etcdErrors.timeout()));
      const finish = (error: QuorateError | null): void => {
        stop();
        timer.cancel();
        this.#asked.delete(id);
        if (error === null) resolve();
        else reject(error);
      };
      this.#asked.set(id, { type: "transfer", reject: finish });
      if (to === this.memberId) return finish(null);
      this.#step({ type: "transfer", id, to });
    });
  }

  status(): ReplicaStatus {
    const keyspace = this.keyspace;
    return {
      engine: this.#engine.status,
      liveBytes: keyspace.liveBytes,
      historyBytes: keyspace.historyBytes,
      diskBytes: this.#options.diskBytes(),
      quotaBytes: this.#options.housekeeping.quotaBytes,
      diskFull: this.#diskFull,
      pending: this.#proposals.count,
      leaderlessMs: this.#leader === 0n ? this.#environment.clock.now() - this.#leaderlessSince : 0,
      connected: this.#peers.connected(),
    };
  }

  onStatusChange(handle: () => void): () => void {
    this.#statusHandlers.add(handle);
    return () => this.#statusHandlers.delete(handle);
  }

  // ── A turn ─────────────────────────────────────────────────────────────────────────────────────────────────────────

  #wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#environment.clock.soon(() => {
      this.#scheduled = false;
      this.#turn();
    });
  }

  #step(input: Input): void {
    if (this.#stopped) return;
    try {
      this.#engine.step(input, this.#environment.clock.now());
    } catch (error) {
      return this.#fail(error);
    }
    this.#wake();
  }

  #turn(): void {
    if (this.#stopped || this.#turning) return;
    this.#turning = true;
    try {
      const now = this.#environment.clock.now();
      this.#feed(now);
      // What is applied may let the engine go on, and so may what it refuses: until nothing is left to do.
      for (let more = true; more && !this.#stopped; ) {
        const effects = this.#engine.effects();
        this.#carryOut(effects, now);
        more = this.#apply() || !isIdle(effects);
      }
      this.#transport.flush();
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#turning = false;
    }
  }

  /** Hands what waits here to the engine, or to the leader. */
  #feed(now: number): void {
    const { role, leader, epoch } = this.#engine.status;
    if (this.#reads.due(now) && leader !== 0n) {
      const id = this.#nextId++;
      this.#asked.set(id, { type: "read" });
      this.#reads.ask(id, now);
      this.#engine.step({ type: "read", id }, now);
    }
    this.#reconfigurations.run(now, () => this.#nextId++);
    if (now < this.#proposeNotBefore) return;
    const name = (sequence: number): { proposer: MemberId; boot: number; sequence: number } => ({
      proposer: this.memberId,
      boot: this.#boot,
      sequence,
    });
    if (role === "leader") {
      for (const forwarded of this.#forwarded.splice(0)) {
        const id = this.#nextId++;
        this.#asked.set(id, { type: "forwarded", forwarded });
        this.#engine.step({ type: "propose", id, epoch: forwarded.epoch, data: forwarded.batch }, now);
      }
    }
    if (leader === 0n) return;
    while (this.#proposals.hasWaiting) {
      this.#proposals.takeBatch(epoch, (sequence, commands) => encodeBatch(name(sequence), commands));
    }
    this.#proposals.sendUnsent(epoch, (batch) => {
      if (role !== "leader") {
        const pieces = [forwardHeader(epoch, name(batch.sequence)), batch.bytes];
        return this.#transport.send(leader, this.#options.group, FrameKind.forward, pieces, false);
      }
      const id = this.#nextId++;
      this.#asked.set(id, { type: "own", sequence: batch.sequence });
      this.#engine.step({ type: "propose", id, epoch, data: batch.bytes }, now);
      return true;
    });
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
    for (const refusal of effects.refused) this.#refused(refusal.id, refusal.reason, refusal.detail, now);
    this.counters.proposalsCommitted += effects.committed.length;
    this.#applier.committed(effects.committed);
    for (const { id, index } of effects.reads) {
      this.#asked.delete(id);
      this.#reads.indexed(id, index, this.#applier.index);
    }
    for (const { to, index } of effects.sendSnapshot) this.#sendSnapshot(to, index);
    if (effects.statusChanged) this.#statusChanged();
    if (effects.wakeAt !== null) this.#wakeAt(effects.wakeAt, now);
  }

  /** The engine wants to be told the time sooner than the next regular tick. */
  #wakeAt(time: number, now: number): void {
    this.#early?.cancel();
    this.#early = this.#environment.clock.after(Math.max(0, time - now), () => this.#step({ type: "tick" }));
  }

  /** True if the engine should be asked again. */
  #apply(): boolean {
    const before = this.#applier.index;
    const more = this.#applier.run();
    if (more) this.#wake();
    const index = this.#applier.index;
    if (index !== before) {
      this.#engine.step({ type: "applied", index }, this.#environment.clock.now());
      this.#receiver.applied(index);
      this.watches.publish();
      this.#reads.applied(index);
      this.#promoteIfLeading();
      this.#takeSnapshotIfDue();
    }
    if (this.watches.catchUp(CATCH_UP_CHANGES)) this.#wake();
    if (this.#sweeping) {
      this.#sweeping = this.keyspace.sweep(SWEEP_RECORDS);
      if (this.#sweeping) this.#wake();
    }
    return index !== before;
  }

  #tick(): void {
    const now = this.#environment.clock.now();
    this.#step({ type: "tick" });
    if (this.#stopped) return;
    this.#proposals.expire(now, this.#leader !== 0n, this.keyspace.revision);
    this.#reads.expire(now);
    this.#leasing.tick();
    this.#sender.tick();
    this.#peers.tick();
    if (this.#leads && this.#applier.epoch === this.#engine.status.epoch && now >= this.#housekeepingAt) {
      this.#housekeepingAt = now + HOUSEKEEPING_MS;
      this.#housekeeping.tick(now, this.keyspace);
    }
    this.#turn();
  }

  #refused(id: number, reason: Refusal, detail: string, now: number): void {
    const asked = this.#asked.get(id);
    this.#asked.delete(id);
    if (asked === undefined) return this.#reconfigurations.refused(id, reason, detail, now);
    switch (asked.type) {
      case "read":
        this.#reads.refused(id, now);
        return;
      case "transfer":
        return asked.reject(reason === "not leader" ? etcdErrors.notLeader() : etcdErrors.badLeaderTransferee());
      case "own":
        this.#proposals.withdraw(asked.sequence);
        this.#proposeNotBefore = now + PROPOSE_AGAIN_MS;
        return;
      case "forwarded":
        // Unless the epoch is over (then the member proposes it anew), it has to stay.
        if (reason !== "stale epoch" && reason !== "not leader") this.#forwarded.push(asked.forwarded);
        this.#proposeNotBefore = now + PROPOSE_AGAIN_MS;
    }
  }

  #takeForward(from: MemberId, payload: Uint8Array): void {
    const forwarded = decodeForward(payload);
    const { role, epoch } = this.#engine.status;
    if (forwarded === null || role !== "leader" || forwarded.epoch !== epoch) return;
    // Never dropped once it is here, or a later one would overtake it; each member bounds what it forwards.
    if (!this.#forwards.take(epoch, from, forwarded.boot, forwarded.sequence)) return;
    this.#forwarded.push(forwarded);
    this.#wake();
  }

  // ── Status, members, snapshots ─────────────────────────────────────────────────────────────────────────────────────

  #statusChanged(): void {
    const { leader, role } = this.#engine.status;
    if (leader !== this.#leader) {
      if (leader === 0n) this.#leaderlessSince = this.#environment.clock.now();
      else this.counters.leaderChanges++;
      this.#leader = leader;
      this.#proposals.forgetSent();
      this.#reads.retryNow();
    }
    this.#proposeNotBefore = 0;
    if (role !== "leader") {
      this.#leasing.demote();
      this.#housekeeping.demote();
      this.#sender.stop();
      this.#forwarded = [];
    } else {
      this.#promoteIfLeading();
    }
    for (const handle of [...this.#statusHandlers]) handle();
  }

  /** Leases are counted down by a leader whose state includes all that its predecessors committed. */
  #promoteIfLeading(): void {
    const { role, epoch } = this.#engine.status;
    if (role === "leader" && this.#applier.epoch === epoch) this.#leasing.promote();
  }

  #membershipApplied(membership: Membership, context: Uint8Array): void {
    this.#peers.update(this.keyspace.members.list());
    if (context.length > 0) this.#reconfigurations.applied(context);
    const everyone = [...membership.voters, ...membership.outgoing, ...membership.learners];
    const wasRemoved = this.keyspace.members.wasRemoved(this.memberId);
    if (wasRemoved && !everyone.includes(this.memberId)) this.#options.events.removed();
    for (const handle of [...this.#statusHandlers]) handle();
  }

  #takeSnapshotIfDue(): void {
    if (this.#receiver.busy || this.#taker.busy || this.#applier.index === 0) return;
    if (!this.#wantSnapshot && !this.#taker.due) return;
    this.#wantSnapshot = false;
    this.#taker.take(this.#applier.position, this.keyspace.freeze());
  }

  #snapshotTaken(snapshot: SnapshotMeta): void {
    if (this.#stopped) return;
    const upTo = Math.max(0, snapshot.index - this.#options.catchUpEntries);
    this.#step({ type: "compact", snapshot, upTo });
    this.#options.storage.release(snapshot.index).catch((error: unknown) => this.#fail(error));
  }

  #sendSnapshot(to: MemberId, index: number): void {
    this.#sender.begin(to, index).then(
      (begun) => {
        if (begun || this.#stopped) return;
        // None is new enough: take one, and let the engine ask again.
        this.#wantSnapshot = true;
        this.#takeSnapshotIfDue();
        this.#step({ type: "snapshotSent", to, index, ok: false });
      },
      (error: unknown) => this.#fail(error),
    );
  }

  #installed(meta: SnapshotMeta): void {
    this.counters.snapshotsInstalled++;
    this.#logger.info({ index: meta.index, epoch: meta.epoch }, `installed snapshot at index ${meta.index}`);
    this.#taker.reset();
    this.#proposals.outcomeLost(this.keyspace.revision);
    this.watches.replaceSource(this.keyspace);
    this.#peers.update(this.keyspace.members.list());
    this.#step({ type: "applied", index: meta.index });
    this.#reads.applied(meta.index);
    if (this.keyspace.members.wasRemoved(this.memberId)) this.#options.events.removed();
    this.#options.storage.release(meta.index).catch((error: unknown) => this.#fail(error));
  }

  #askLeader(operation: Operation, args: unknown): Promise<unknown> {
    const { leader } = this.#engine.status;
    if (this.#stopped) return Promise.reject(etcdErrors.serverStopped());
    if (leader === 0n) return Promise.reject(etcdErrors.noLeader());
    return this.#requests.ask(leader, operation, args, this.#options.callTimeoutMs);
  }

  #deadline({ timeoutMs }: CallOptions): number {
    return this.#environment.clock.now() + (timeoutMs ?? this.#options.callTimeoutMs);
  }
}

function isIdle(effects: Effects): boolean {
  return (
    effects.write === null &&
    effects.messages.length === 0 &&
    effects.committed.length === 0 &&
    effects.reads.length === 0 &&
    effects.refused.length === 0 &&
    effects.sendSnapshot.length === 0 &&
    effects.installSnapshot === null &&
    !effects.statusChanged
  );
}

function newCounters(): ReplicaCounters {
  return {
    leaderChanges: 0,
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
}
