/**
 * A whole member put together: storage, links to the other members, replica, front door; started and stopped in the
 * right order.
 *
 * The machine it runs on is a part that it is given: `member.ts` gives it the real one, the simulator a simulated one.
 */
import type { EngineOptions, Genesis } from "../consensus/engine.ts";
import type { Engines } from "../consensus/engines.ts";
import type { Address, ClusterId, Environment, MemberId } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { Keyspace } from "../keyspace/keyspace.ts";
import { loadKeyspace } from "../replica/applier.ts";
import { peerAddress } from "../replica/peers.ts";
import { GroupReplica } from "../replica/replica.ts";
import { openStorage } from "../storage/open-storage.ts";
import type { Storage, StorageEvents } from "../storage/storage.ts";
import type { Checksum } from "../transport/checksum.ts";
import { createTransport } from "../transport/links.ts";
import { type EngineChoice, readEngineWord, refuseOtherEngine } from "./choose-engine.ts";
import { encodeDescription } from "./cluster-description.ts";
import { expectedMembers } from "./expected-members.ts";
import { type Identity, identify } from "./identify.ts";
import { askOthers } from "./inquiries.ts";
import { Introductions } from "./introductions.ts";
import type { MemberOptions } from "./member-options.ts";
import { defaultTuning, type MemberTuning } from "./member-tuning.ts";
import { publish } from "./publish.ts";
import { recoveredMembers } from "./recovered-members.ts";
import type { RunningServer, StartOptions } from "./server.ts";
import { handOver, shutDown, stopReplica } from "./shutdown.ts";

/** What a member is made of beside its options. */
export interface MemberParts {
  readonly environment: Environment;
  /** Those that the member may run. */
  readonly engines: Engines;
  readonly openServer: (start: StartOptions) => Promise<RunningServer>;
  /** CRC-32 of frames; the transport's own unless given. */
  readonly checksum?: Checksum;
  readonly tuning?: Partial<MemberTuning>;
}

/** How a member is stopped. */
export interface StopOptions {
  /** False: the others stop, too, so that nobody is there to take over. Default: true. */
  readonly handOver?: boolean;
}

/** A member that serves. */
export interface RunningMember {
  readonly memberId: MemberId;
  readonly clusterId: ClusterId;
  readonly clientAddresses: readonly Address[];
  readonly metricsAddresses: readonly Address[];
  readonly peerAddresses: readonly Address[];
  readonly replica: GroupReplica;
  /** Resolves with the reason when the member can't go on (a failed disk, a broken invariant, its removal). */
  readonly failed: Promise<Error>;
  /** Hands leadership over (unless told not to), finishes calls under way, and leaves everything on disk. */
  stop(options?: StopOptions): Promise<void>;
}

const GROUP = 0;
const DEFAULT_QUOTA_BYTES = 2 * 1024 ** 3;
const DEFAULT_HISTORY_BUDGET_BYTES = 256 * 1024 ** 2;
/** The most clocks may differ in speed: 10 % of the time a lease lasts. */
const CLOCK_DRIFT = 0.1;
/** Frames carry snapshot chunks and batches; one request alone may fill a batch. */
const LEAST_FRAME_BYTES = 16 * 1024 ** 2;
/** A removed member stays this long, to answer who removed it and to pass on that it is removed. */
const FAREWELL_MS = 1_000;

/** @throws QuorateError naming what is wrong with the options, the data directory or the cluster. */
export async function assemble(options: MemberOptions, parts: MemberParts): Promise<RunningMember> {
  const cleanUp: (() => Promise<void>)[] = [];
  try {
    return await build(options, parts, cleanUp);
  } catch (error) {
    for (const undo of cleanUp.reverse()) await undo().catch(() => {});
    throw error;
  }
}

async function build(
  options: MemberOptions,
  { environment, engines, openServer, checksum, tuning: tuned = {} }: MemberParts,
  cleanUp: (() => Promise<void>)[],
): Promise<RunningMember> {
  const { clock, logger } = environment;
  const tuning = { ...defaultTuning, ...tuned };
  const identity = await identify(options, engines, environment);
  const failure = Promise.withResolvers<Error>();
  const fail = (error: unknown): void => failure.resolve(error instanceof Error ? error : new Error(String(error)));

  // The replica exists only after what it is made of; nothing below calls back before it is set.
  let replica: GroupReplica | null = null;
  const storage = await openFounded(environment, options.dataDir, identity, tuning.segmentBytes, {
    durable: (_group, write) => replica?.durable(write),
    full: (isFull) => {
      if (isFull) logger.error({}, `the disk of ${options.dataDir} is full: writes wait until there is room`);
      else logger.info({}, `the disk of ${options.dataDir} has room again`);
      replica?.diskFull(isFull);
    },
    failed: fail,
  });
  cleanUp.push(() => storage.close());
  const { clusterId, memberId } = storage.identity;
  const choice = readEngineWord(engines, storage.identity.engine);
  refuseOtherEngine(options, choice, `${options.dataDir} was made by`);
  const group = storage.group(GROUP);
  const { snapshot } = group.recovered;
  const keyspace = snapshot === null ? new Keyspace() : await loadKeyspace(group, snapshot);

  let leaving = false;
  /** The member was removed, for good. Who applied that itself, and who was told so by another, end in the same way. */
  const leave = (source: string): void => {
    if (leaving) return;
    leaving = true;
    const message = `member ${memberId.toString(16)} was removed from the cluster${source}`;
    logger.warn({}, `${message}: it ends in ${FAREWELL_MS} ms`);
    clock.after(FAREWELL_MS, () => fail(new QuorateError("REMOVED", GrpcStatus.failedPrecondition, message)));
  };
  const transport = await createTransport({
    environment,
    identity: storage.identity,
    listenAddresses: options.listenPeerUrls.map(peerAddress),
    ...(checksum === undefined ? {} : { checksum }),
    advertisedAddresses: options.initialAdvertisePeerUrls.map(peerAddress),
    limits: { maxFrameBytes: Math.max(LEAST_FRAME_BYTES, 4 * (options.maxRequestBytes ?? 0)), ...tuning.links },
    describe: () =>
      encodeDescription({
        clusterId,
        engine: storage.identity.engine,
        members: replica === null ? [] : expectedMembers(replica.keyspace.members, engine),
        removed: replica?.keyspace.members.removed() ?? [],
      }),
    isRemoved: (id) => replica?.keyspace.members.wasRemoved(id) ?? keyspace.members.wasRemoved(id),
    events: {
      frame: (from, _group, kind, payload) => replica?.frame(from, kind, payload),
      linkUp: (peer) => replica?.linkUp(peer),
      linkLost: (peer) => replica?.linkLost(peer),
      removed: (by) => leave(`, as member ${by.toString(16)} says`),
    },
  });
  cleanUp.push(() => transport.close());
  const known = [...identity.knownPeers, ...recoveredMembers(keyspace.members, group.recovered.entries)];
  const introductions = known.some(({ id }) => id === memberId)
    ? null
    : new Introductions({
        transport,
        identity: storage.identity,
        clock,
        logger,
        ask: () => askOthers(options, environment),
        isNamed: () => (replica?.keyspace.members.get(memberId) ?? null) !== null,
      });
  cleanUp.push(async () => introductions?.stop());

  const settings = engineOptions(options, choice, tuning, memberId, environment);
  const engine = choice.kind.create(settings, group.recovered, clock.now());
  const quotaBytes = options.quotaBackendBytes || DEFAULT_QUOTA_BYTES;
  const running = new GroupReplica({
    environment,
    clusterId,
    memberId,
    group: GROUP,
    storage: group,
    transport: introductions ?? transport,
    engine,
    keyspace,
    snapshot,
    snapshotPolicy: { entries: options.snapshotCount ?? 100_000, bytes: tuning.snapshotLogBytes },
    catchUpEntries: options.snapshotCatchupEntries ?? 5_000,
    catchUpBytes: tuning.catchUpBytes,
    snapshotChunkBytes: tuning.snapshotChunkBytes,
    snapshotResendMs: tuning.snapshotResendMs,
    housekeeping: {
      historyBudgetBytes: options.historyBudgetBytes ?? DEFAULT_HISTORY_BUDGET_BYTES,
      autoCompaction: options.autoCompaction ?? { mode: "off" },
      quotaBytes,
    },
    strictReconfigCheck: options.strictReconfigCheck ?? true,
    callTimeoutMs: tuning.callTimeoutMs + 2 * (options.electionMs ?? 1_000),
    tickMs: tuning.tickMs,
    maxPendingCommands: tuning.maxPendingCommands,
    maxPendingBytes: tuning.maxPendingBytes,
    knownPeers: known,
    diskBytes: () => storage.bytes,
    events: {
      failed: fail,
      removed: () => leave(""),
    },
  });
  replica = running;
  cleanUp.push(() => stopReplica(running, storage));
  running.start();
  introductions?.start();

  const server = await openServer({
    replica: running,
    environment,
    clientListenUrls: options.listenClientUrls,
    metricsListenUrls: options.listenMetricsUrls ?? [],
    options: {
      quotaBytes,
      electionTimeoutMs: options.electionMs ?? 1_000,
      ...(options.maxRequestBytes === undefined ? {} : { maxRequestBytes: options.maxRequestBytes }),
      ...(options.maxTxnOps === undefined ? {} : { maxTxnOps: options.maxTxnOps }),
      ...(options.maxConcurrentStreams === undefined ? {} : { maxConcurrentStreams: options.maxConcurrentStreams }),
      ...(options.watchProgressIntervalMs === undefined
        ? {}
        : { watchProgressIntervalMs: options.watchProgressIntervalMs }),
    },
  });
  cleanUp.push(() => server.close());
  const stopPublishing = publish(running, clock, { name: options.name, clientUrls: options.advertiseClientUrls });

  const stop = async (how: StopOptions = {}): Promise<void> => {
    stopPublishing();
    if (how.handOver ?? true) await handOver(running, environment);
    introductions?.stop();
    await shutDown({ server, replica: running, transport, storage });
  };
  return {
    memberId,
    clusterId,
    clientAddresses: server.addresses,
    metricsAddresses: server.metricsAddresses,
    peerAddresses: transport.addresses,
    replica: running,
    failed: failure.promise,
    stop,
  };
}

/** Opens the data directory; one that was never used gets its first entry before the member takes part in anything. */
async function openFounded(
  environment: Environment,
  directory: string,
  { storage: identity, hasPeers, genesis }: Identity,
  segmentBytes: number,
  events: StorageEvents,
): Promise<Storage> {
  const open = (to: StorageEvents): Promise<Storage> =>
    openStorage(environment, directory, { identity, repairable: hasPeers, events: to, segmentBytes });
  const storage = await open(events);
  const { state, snapshot, entries, untrusted } = storage.group(GROUP).recovered;
  const used = state !== null || snapshot !== null || entries.length > 0 || untrusted;
  if (used || genesis === null) return storage;
  await storage.close();
  await found(genesis, open);
  return await open(events);
}

async function found(genesis: Genesis, open: (events: StorageEvents) => Promise<Storage>): Promise<void> {
  const written = Promise.withResolvers<void>();
  const storage = await open({ durable: () => written.resolve(), full: () => {}, failed: written.reject });
  storage.group(GROUP).write({ number: 1, snapshot: null, truncateFrom: null, ...genesis });
  try {
    await written.promise;
  } finally {
    await storage.close();
  }
}

function engineOptions(
  options: MemberOptions,
  { phase2Quorum }: EngineChoice,
  tuning: MemberTuning,
  id: MemberId,
  { random }: Environment,
): EngineOptions {
  const electionTimeoutMs = options.electionMs ?? 1_000;
  return {
    id,
    seed: random.uint32(),
    electionTimeoutMs,
    heartbeatIntervalMs: options.heartbeatMs ?? 100,
    leaseReads: options.leaseReads ?? false,
    clockDriftMs: electionTimeoutMs * CLOCK_DRIFT,
    diskStallMs: 2 * electionTimeoutMs,
    maxMessageBytes: tuning.maxMessageBytes,
    maxInflightMessages: tuning.maxInflightMessages,
    maxInflightBytes: tuning.maxInflightBytes,
    maxUncommittedBytes: tuning.maxUncommittedBytes,
    priority: options.priority ?? 0,
    commitNoticeMs: tuning.commitNoticeMs,
    flexibleQuorum: phase2Quorum === null ? null : { phase2: phase2Quorum },
  };
}
