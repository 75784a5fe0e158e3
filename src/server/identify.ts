/**
 * Finds out which member of which cluster a data directory belongs to; a new directory is founded: as an initial member
 * with the cluster's first entry on disk, or as one that was added to a running cluster, with nothing.
 */
import type { Genesis } from "../consensus/engine.ts";
import type { EngineKind, Engines } from "../consensus/engines.ts";
import type { Environment } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { encodeMemberContext } from "../keyspace/members.ts";
import { readIdentityFile } from "../storage/identity.ts";
import type { StorageIdentity } from "../storage/storage.ts";
import {
  DEFAULT_ENGINE,
  existingCluster,
  type InitialCluster,
  type InitialMember,
  newCluster,
  refuseIfBootstrapped,
} from "./bootstrap.ts";
import { chooseEngine, engineWord, readEngineWord, refuseOtherEngine } from "./choose-engine.ts";
import { askOthers, otherUrls } from "./inquiries.ts";

export interface IdentifyOptions {
  readonly name: string;
  readonly dataDir: string;
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  /** As in `MemberOptions`. */
  readonly engine?: string;
  readonly phase2Quorum?: number;
}

export interface Identity {
  /** Null: as the data directory says. */
  readonly storage: StorageIdentity | null;
  /** Whether there are other members that can make good what this one lost. */
  readonly hasPeers: boolean;
  /** Members to link to before the log says who they are. Of a directory that was used before, the log says it. */
  readonly knownPeers: readonly { readonly id: bigint; readonly peerUrls: readonly string[] }[];
  /** What an initial member's log begins with; null for one that joins, or whose directory belongs to nobody now. */
  readonly genesis: Genesis | null;
}

/** A member that was added may be started before the others answer. */
const JOIN_ATTEMPTS = 15;
const JOIN_PAUSE_MS = 1_000;

export async function identify(
  options: IdentifyOptions,
  engines: Engines,
  environment: Environment,
): Promise<Identity> {
  const found = await readIdentityFile(environment.disk, options.dataDir);
  if (found === "missing") {
    return options.initialClusterState === "new"
      ? await foundAs(options, engines, environment)
      : await join(options, engines, environment);
  }
  const hasPeers = options.initialCluster.length > 1;
  // A damaged one has a second copy, which the storage knows to find.
  if (found === "damaged") return { storage: null, hasPeers, knownPeers: [], genesis: null };
  return {
    storage: found,
    hasPeers,
    knownPeers: [],
    genesis: unfinished(options, engines, found),
  };
}

async function foundAs(options: IdentifyOptions, engines: Engines, environment: Environment): Promise<Identity> {
  const choice = chooseEngine(engines, options, DEFAULT_ENGINE, options.initialCluster.length);
  const engine = engineWord(choice);
  const cluster = initialOf(options, engine);
  for (const description of await askOthers(options, environment)) {
    refuseIfBootstrapped(description, cluster, options.dataDir);
  }
  const knownPeers = cluster.members.filter(({ id }) => id !== cluster.self.id);
  const storage = { clusterId: cluster.clusterId, memberId: cluster.self.id, engine };
  return { storage, hasPeers: knownPeers.length > 0, knownPeers, genesis: genesisOf(choice.kind, cluster) };
}

/** The founding of a directory may have been cut short between its identity and its first entry. */
function unfinished(options: IdentifyOptions, engines: Engines, found: StorageIdentity): Genesis | null {
  if (options.initialClusterState !== "new") return null;
  try {
    const { kind } = readEngineWord(engines, found.engine);
    const cluster = initialOf(options, found.engine);
    const same = cluster.clusterId === found.clusterId && cluster.self.id === found.memberId;
    return same ? genesisOf(kind, cluster) : null;
  } catch {
    // Flags that no longer fit a cluster that was founded long ago do not matter.
    return null;
  }
}

function initialOf(options: IdentifyOptions, engine: string): InitialCluster {
  const { name, initialCluster, initialAdvertisePeerUrls, initialClusterToken } = options;
  return newCluster(initialCluster, name, initialAdvertisePeerUrls, initialClusterToken, engine);
}

function genesisOf(engine: EngineKind, cluster: InitialCluster): Genesis {
  const voters = cluster.members.map(({ id }) => id).sort((a, b) => (a < b ? -1 : 1));
  return engine.genesis(
    { voters, outgoing: [], learners: [], learnersNext: [] },
    encodeMemberContext({ op: "genesis", members: cluster.members }),
  );
}

async function join(options: IdentifyOptions, engines: Engines, environment: Environment): Promise<Identity> {
  const { clock, logger } = environment;
  for (let attempt = 1; attempt <= JOIN_ATTEMPTS; attempt++) {
    const [description] = await askOthers(options, environment);
    if (description !== undefined) {
      const cluster = existingCluster(description, options.name, options.initialAdvertisePeerUrls);
      const others = cluster.members.filter(({ id }) => id !== cluster.self.id);
      const { engine } = description;
      refuseOtherEngine(options, readEngineWord(engines, engine), "the cluster that it joins runs");
      const storage = { clusterId: cluster.clusterId, memberId: cluster.self.id, engine };
      return { storage, hasPeers: others.length > 0, knownPeers: others, genesis: null };
    }
    if (attempt === 1) logger.info({}, "waiting for a member of --initial-cluster to answer");
    if (attempt < JOIN_ATTEMPTS) await new Promise<void>((resolve) => clock.after(JOIN_PAUSE_MS, resolve));
  }
  const asked = otherUrls(options).join(", ") || "nobody: --initial-cluster names no other member";
  throw new QuorateError(
    "CLUSTER_UNREACHABLE",
    GrpcStatus.unavailable,
    `no member of the existing cluster answers (asked ${asked}); check --initial-cluster and that the members run`,
  );
}
