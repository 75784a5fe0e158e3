/**
 * How a member finds out who it is: from its data directory, from the list of initial members, or from a cluster that
 * already runs. Member and cluster ids are computed as etcd does, so that all initial members agree without talking.
 */
import { createHash } from "node:crypto";
import type { ClusterId, MemberId } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { Member } from "../keyspace/members.ts";

/** One `name=url` group of `--initial-cluster`. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/** The engine of a cluster that is founded without a word about it, or that does not know of others. */
export const DEFAULT_ENGINE = "raft";

export interface InitialCluster {
  readonly clusterId: ClusterId;
  readonly self: Member;
  readonly members: readonly Member[];
}

/** What a running cluster says of itself. */
export interface ClusterDescription {
  readonly clusterId: ClusterId;
  /** What all its members run, as in choose-engine.ts. */
  readonly engine: string;
  readonly members: readonly Member[];
  /** Ids that are never used again. */
  readonly removed: readonly MemberId[];
}

function config(message: string): QuorateError {
  return new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

/** First 8 bytes of the SHA-1 of the sorted URLs and the cluster's token, as in etcd. */
export function initialMemberId(peerUrls: readonly string[], token: string): MemberId {
  const hash = createHash("sha1")
    .update([...peerUrls].sort().join(""))
    .update(token)
    .digest();
  return hash.readBigUInt64BE(0);
}

/**
 * The engine is part of what a cluster is: initial members that were given different ones are of different clusters, and
 * their links refuse each other. With Raft the id is the one that etcd computes.
 */
export function initialClusterId(ids: readonly MemberId[], engine: string): ClusterId {
  const bytes = Buffer.alloc(ids.length * 8);
  [...ids].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0)).forEach((id, at) => bytes.writeBigUInt64BE(id, at * 8));
  const hash = createHash("sha1").update(bytes);
  if (engine !== DEFAULT_ENGINE) hash.update(engine);
  return hash.digest().readBigUInt64BE(0);
}

/** @throws QuorateError if this member is not among the initial ones, or they contradict each other. */
export function newCluster(
  initial: readonly InitialMember[],
  name: string,
  advertised: readonly string[],
  token: string,
  engine: string,
): InitialCluster {
  const members = initial.map(
    ({ name: itsName, peerUrls }): Member => ({
      id: initialMemberId(peerUrls, token),
      name: itsName,
      peerUrls,
      clientUrls: [],
      isLearner: false,
    }),
  );
  const self = members.find((member) => member.name === name);
  if (self === undefined) {
    const names = members.map((member) => member.name).join(", ");
    throw config(
      `--name ${name} is not in --initial-cluster, which names ${names || "nobody"}; add ${name}=${advertised.join(",")}`,
    );
  }
  if (!isSameSet(self.peerUrls, advertised)) {
    throw config(
      `--initial-cluster gives ${name} the peer URLs ${self.peerUrls.join(",")}, but --initial-advertise-peer-urls is ${advertised.join(",")}; they must be equal`,
    );
  }
  const ids = new Set(members.map(({ id }) => id));
  if (ids.size !== members.length) throw config("two members of --initial-cluster have the same peer URLs");
  // Names and client URLs are published by each member when it has started; until then it counts as not started.
  const unstarted = members.map((member) => ({ ...member, name: "" }));
  return { clusterId: initialClusterId([...ids], engine), self, members: unstarted };
}

/** Finds this member in a running cluster that it was added to. */
export function existingCluster(
  found: ClusterDescription,
  name: string,
  advertised: readonly string[],
): InitialCluster {
  const self = found.members.find((member) => isSameSet(member.peerUrls, advertised));
  if (self === undefined) {
    const known = found.members.map(({ peerUrls }) => peerUrls.join(",")).join(" ");
    throw config(
      `no member of the cluster has the peer URLs ${advertised.join(",")} (it has ${known}); first run: quorate member add ${name} --peer-urls=${advertised.join(",")}`,
    );
  }
  if (self.name !== "") {
    throw config(
      `member ${self.id.toString(16)} (${self.name}) with these peer URLs has run before, but this data directory is empty: a lost disk must not come back as the same member; run: quorate member remove ${self.id.toString(16)}, then add it anew`,
    );
  }
  return { clusterId: found.clusterId, self, members: found.members };
}

/** A member that has run before must not start from nothing as an initial one: it may have voted and acknowledged. */
export function refuseIfBootstrapped(found: ClusterDescription, cluster: InitialCluster, dataDir: string): void {
  if (found.clusterId !== cluster.clusterId) return;
  const known = found.members.find(({ id }) => id === cluster.self.id);
  const removed = found.removed.includes(cluster.self.id);
  if (!removed && (known === undefined || known.name === "")) return;
  const id = cluster.self.id.toString(16);
  throw config(
    removed
      ? `member ${id} was removed from this cluster; add it anew with: quorate member add, and start it with --initial-cluster-state existing`
      : `member ${id} (${cluster.self.name}) has already been bootstrapped, but ${dataDir} is empty: a lost disk must not come back as the same member; run: quorate member remove ${id}, then add it anew`,
  );
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((one) => b.includes(one));
}
