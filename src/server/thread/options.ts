/** What an embedded member is told, and what it takes where it is told nothing. */
import { resolve } from "node:path";
import { storeErrors } from "../../store/errors.ts";
import type { InitialMember } from "../bootstrap.ts";
import type { MemberOptions } from "../member-options.ts";
import { checkOption, isKnownOption } from "./option-checks.ts";

/**
 * Of a member that is alone unless `initialCluster` names others. All times are milliseconds.
 *
 * Who a member is, its data directory remembers: after the first start, `dataDir` alone is enough for one that is alone.
 */
export interface EmbeddedMemberOptions extends Partial<MemberOptions> {
  /** Where its data is kept; of one process at a time. Default `./data`. */
  readonly dataDir?: string;
  /** Its name in the cluster. Default: `default`; to be given with `initialCluster`. */
  readonly name?: string;
  /**
   * All founding members with the URLs at which they reach each other, the same list for each. Default: this one alone.
   * `[{ name: "a", peerUrls: ["http://10.0.0.1:2380"] }, …]`
   */
  readonly initialCluster?: readonly InitialMember[];
  /** Where it listens for other members. Default: its URLs in `initialCluster`; alone: nowhere. */
  readonly listenPeerUrls?: readonly string[];
  /** Where other members reach it. Default: its URLs in `initialCluster`, else `listenPeerUrls`. */
  readonly initialAdvertisePeerUrls?: readonly string[];
  /** Where other programs reach it, with any etcd client. Default: nowhere. */
  readonly listenClientUrls?: readonly string[];
  /** What other programs are told. Default: `listenClientUrls`. */
  readonly advertiseClientUrls?: readonly string[];
  /** `existing`: it was added to a cluster that runs. Default `new`. */
  readonly initialClusterState?: "new" | "existing";
  /** Tells clusters apart that were made from the same URLs. Default `quorate-cluster`. */
  readonly initialClusterToken?: string;
}

const DEFAULT_NAME = "default";
const DEFAULT_DIRECTORY = "./data";
const DEFAULT_TOKEN = "quorate-cluster";
const DEFAULT_ELECTION_MS = 1_000;
const DEFAULT_HEARTBEAT_MS = 100;
/** An election must not be begun because of one heartbeat that is late. */
const HEARTBEATS_PER_ELECTION = 5;

/** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
export function memberOptions(told: EmbeddedMemberOptions): MemberOptions {
  const options = given(told);
  const { initialCluster, initialClusterState = "new", listenClientUrls = [] } = options;
  const name = nameOf(options);
  const own = initialCluster === undefined ? [] : ownUrls(name, initialCluster);
  const listenPeerUrls = options.listenPeerUrls ?? own;
  const advertised = options.initialAdvertisePeerUrls ?? (own.length > 0 ? own : listenPeerUrls);
  refuseUnreachable("initialAdvertisePeerUrls", "listenPeerUrls", advertised);
  if (own.length > 0 && (own.length !== advertised.length || !own.every((url) => advertised.includes(url)))) {
    throw storeErrors.invalidArgument(
      `initialAdvertisePeerUrls is ${shown(advertised)}, but initialCluster has ${name} at ${shown(own)}: make them equal`,
    );
  }
  const advertiseClientUrls = options.advertiseClientUrls ?? listenClientUrls;
  refuseUnreachable("advertiseClientUrls", "listenClientUrls", advertiseClientUrls);
  if (initialClusterState === "existing" && (initialCluster?.length ?? 0) < 2) {
    throw storeErrors.invalidArgument(
      'initialClusterState is "existing": name the members of the running cluster in initialCluster, and this one',
    );
  }
  const { heartbeatMs = DEFAULT_HEARTBEAT_MS, electionMs = DEFAULT_ELECTION_MS } = options;
  if (electionMs < HEARTBEATS_PER_ELECTION * heartbeatMs) {
    throw storeErrors.invalidArgument(
      `electionMs is ${electionMs}, less than ${HEARTBEATS_PER_ELECTION} times heartbeatMs, ${heartbeatMs}: give at least ${HEARTBEATS_PER_ELECTION * heartbeatMs}`,
    );
  }
  return {
    ...options,
    name,
    // The program may change its directory later.
    dataDir: resolve(options.dataDir ?? DEFAULT_DIRECTORY),
    listenClientUrls,
    advertiseClientUrls,
    listenPeerUrls,
    initialAdvertisePeerUrls: advertised,
    initialCluster: initialCluster ?? [{ name, peerUrls: advertised }],
    initialClusterState,
    initialClusterToken: options.initialClusterToken ?? DEFAULT_TOKEN,
  };
}

/** Flags of `quorate serve` that a member speaks of when it cannot start as told. */
const FLAGS = /--(name|engine|initial-cluster(?:-state|-token)?|initial-advertise-peer-urls|phase2-quorum)(?![a-z-])/g;

/** What a member says of flags, said of options: `--initial-cluster-state` is `initialClusterState`. */
export function withOptionNames(text: string): string {
  return text.replace(FLAGS, (_, flag: string) =>
    flag.replace(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase()),
  );
}

/** What was given: an option that is undefined was not. */
function given(told: EmbeddedMemberOptions): EmbeddedMemberOptions {
  const options: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(told)) {
    if (!isKnownOption(name)) throw storeErrors.invalidArgument(`${name} is no option: leave it out, or correct it`);
    if (value === undefined) continue;
    checkOption(name, value);
    options[name] = value;
  }
  return options;
}

function nameOf({ name, initialCluster }: EmbeddedMemberOptions): string {
  if (name !== undefined) return name;
  if (initialCluster === undefined) return DEFAULT_NAME;
  throw storeErrors.invalidArgument(`name is missing: say which of ${namesIn(initialCluster)} this member is`);
}

function ownUrls(name: string, cluster: readonly InitialMember[]): readonly string[] {
  const own = cluster.find((member) => member.name === name);
  if (own !== undefined) return own.peerUrls;
  throw storeErrors.invalidArgument(`name is "${name}", but initialCluster names ${namesIn(cluster)}: add this member`);
}

/** Others cannot go to an address that only means "all of this machine", nor to a port that is not chosen yet. */
function refuseUnreachable(name: string, source: string, urls: readonly string[]): void {
  const wrong = urls.find((url) => {
    const { hostname, port } = new URL(url);
    return hostname === "0.0.0.0" || hostname === "[::]" || port === "0";
  });
  if (wrong === undefined) return;
  throw storeErrors.invalidArgument(
    `${name} has "${wrong}" (of itself or from ${source}), which others cannot reach: give an address and a port of this machine`,
  );
}

function namesIn(cluster: readonly InitialMember[]): string {
  return cluster.map(({ name }) => name).join(", ") || "nobody";
}

function shown(urls: readonly string[]): string {
  return urls.join(", ") || "empty";
}
