/** What `quorate serve` was told, checked as a whole: the configuration of one member. */
import { engines } from "../../consensus/engines.ts";
import { parseDuration } from "../duration.ts";
import { usageError } from "../failure.ts";
import { hostPort, isWildcard, parseAdvertisedUrls, parseListenUrls } from "../urls.ts";
import { type Flag, type FlagName, flagNamed, flags } from "./flags.ts";
import type { Setting, Settings } from "./sources.ts";

/** One `name=url` group of `--initial-cluster`. */
export interface InitialMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

export type AutoCompaction =
  | { readonly mode: "off" }
  | { readonly mode: "periodic"; readonly retentionMs: number }
  | { readonly mode: "revision"; readonly retention: number };

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "json" | "console";

/** URLs are in the form `http://host:port`. Sizes are bytes, times milliseconds. */
export interface ServeConfig {
  readonly name: string;
  readonly dataDir: string;
  readonly listenClientUrls: readonly string[];
  readonly advertiseClientUrls: readonly string[];
  readonly listenPeerUrls: readonly string[];
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly listenMetricsUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  readonly heartbeatMs: number;
  readonly electionMs: number;
  readonly snapshotCount: number;
  readonly snapshotCatchupEntries: number;
  readonly quotaBackendBytes: number;
  /** 0: no budget. */
  readonly historyBudgetBytes: number;
  readonly autoCompaction: AutoCompaction;
  readonly maxRequestBytes: number;
  readonly maxTxnOps: number;
  readonly maxConcurrentStreams: number;
  readonly watchProgressIntervalMs: number;
  readonly leaseReads: boolean;
  readonly priority: number;
  readonly strictReconfigCheck: boolean;
  /** Of a new cluster; missing: raft, or what the cluster has. */
  readonly engine?: string;
  /** As the engine; missing: a majority, or what the cluster has. */
  readonly phase2Quorum?: number;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** @throws usageError naming the setting, its value and what to do */
export function serveConfig(settings: Settings): ServeConfig {
  const read = new SettingReader(settings);
  if (!read.boolean("pre-vote"))
    throw read.refusal(
      "pre-vote",
      "cannot be turned off: Quorate always asks before it disturbs a leader; leave it out",
    );

  const name = read.text("name");
  if (/[=,\s]/.test(name))
    throw read.refusal(
      "name",
      "has a character that --initial-cluster could not tell from its own: use no =, comma or space",
    );

  const listenClientUrls = read.listenUrls("listen-client-urls");
  const listenPeerUrls = read.listenUrls("listen-peer-urls");
  const listenMetricsUrls = read.has("listen-metrics-urls") ? read.listenUrls("listen-metrics-urls") : [];
  refuseSharedPorts(read, listenClientUrls, listenPeerUrls, listenMetricsUrls);
  const advertiseClientUrls = read.advertisedUrls("advertise-client-urls", "listen-client-urls", listenClientUrls);
  const initialAdvertisePeerUrls = read.advertisedUrls(
    "initial-advertise-peer-urls",
    "listen-peer-urls",
    listenPeerUrls,
  );

  const heartbeatMs = read.integer("heartbeat-interval");
  const electionMs = read.integer("election-timeout");
  if (electionMs < 5 * heartbeatMs) {
    throw read.refusal(
      "election-timeout",
      `is less than 5 times --heartbeat-interval (${heartbeatMs}): use at least ${5 * heartbeatMs}`,
    );
  }
  const initialClusterState = read.text("initial-cluster-state") === "existing" ? "existing" : "new";
  const quota = read.integer("quota-backend-bytes");

  return {
    name,
    dataDir: read.has("data-dir") ? read.text("data-dir") : `${name}.quorate`,
    listenClientUrls,
    advertiseClientUrls,
    listenPeerUrls,
    initialAdvertisePeerUrls,
    listenMetricsUrls,
    initialCluster: initialCluster(read, name, initialAdvertisePeerUrls, initialClusterState),
    initialClusterState,
    initialClusterToken: read.text("initial-cluster-token"),
    heartbeatMs,
    electionMs,
    snapshotCount: read.integer("snapshot-count"),
    snapshotCatchupEntries: read.integer("snapshot-catchup-entries"),
    quotaBackendBytes: quota === 0 ? Number(flagNamed("quota-backend-bytes")?.fallback) : quota,
    historyBudgetBytes: read.integer("history-budget-bytes"),
    autoCompaction: autoCompaction(read),
    maxRequestBytes: read.integer("max-request-bytes"),
    maxTxnOps: read.integer("max-txn-ops"),
    maxConcurrentStreams: read.integer("max-concurrent-streams"),
    watchProgressIntervalMs: read.duration("watch-progress-notify-interval"),
    leaseReads: read.boolean("lease-reads"),
    priority: read.integer("priority"),
    strictReconfigCheck: read.boolean("strict-reconfig-check"),
    ...(read.has("engine") ? { engine: read.text("engine") } : {}),
    ...(read.has("phase2-quorum") ? { phase2Quorum: phase2Quorum(read) } : {}),
    logLevel: read.choice("log-level", ["debug", "info", "warn", "error"]),
    logFormat: read.choice("log-format", ["json", "console"]),
  };
}

function refuseSharedPorts(
  read: SettingReader,
  client: readonly string[],
  peer: readonly string[],
  metrics: readonly string[],
): void {
  const lists: readonly (readonly [FlagName, readonly string[]])[] = [
    ["listen-client-urls", client],
    ["listen-peer-urls", peer],
    ["listen-metrics-urls", metrics],
  ];
  const taken = new Map<string, FlagName>();
  for (const [flag, urls] of lists) {
    for (const url of urls) {
      const other = taken.get(url);
      if (other !== undefined) throw read.refusal(flag, `uses ${url}, and so does --${other}: give each its own port`);
      if (hostPort(url).port !== 0) taken.set(url, flag);
    }
  }
}

function initialCluster(
  read: SettingReader,
  name: string,
  advertised: readonly string[],
  state: "new" | "existing",
): InitialMember[] {
  if (!read.has("initial-cluster")) {
    if (state === "existing") {
      throw read.refusal(
        "initial-cluster-state",
        "needs --initial-cluster: name all members of the running cluster as name=peer-url",
      );
    }
    return [{ name, peerUrls: advertised }];
  }
  const { text, source } = read.setting("initial-cluster");
  const members = new Map<string, string[]>();
  for (const part of text.split(",").map((one) => one.trim())) {
    const [, memberName, url] = /^([^=]+)=(.+)$/.exec(part) ?? [];
    if (memberName === undefined || url === undefined) {
      throw usageError(`${source} ${JSON.stringify(part)} is not name=peer-url, such as m1=http://10.0.0.1:2380`);
    }
    const [peerUrl = ""] = parseAdvertisedUrls(source, url);
    const owner = [...members].find(([, urls]) => urls.includes(peerUrl));
    if (owner !== undefined)
      throw usageError(
        `${source} gives ${peerUrl} to ${owner[0]} and to ${memberName}: each URL belongs to one member`,
      );
    members.set(memberName, [...(members.get(memberName) ?? []), peerUrl]);
  }
  const own = members.get(name);
  if (own === undefined) {
    throw usageError(
      `${source} names ${[...members.keys()].join(", ")}, but not this member: add ${name}=${advertised.join(`,${name}=`)}, or correct --name`,
    );
  }
  if (own.length !== advertised.length || !own.every((url) => advertised.includes(url))) {
    throw usageError(
      `${source} has ${name} at ${own.join(",")}, but --initial-advertise-peer-urls is ${advertised.join(",")}: make them equal`,
    );
  }
  if (state === "existing" && members.size === 1) {
    throw usageError(
      `${source} names only ${name}, which contradicts --initial-cluster-state existing: name the running members too`,
    );
  }
  return [...members].map(([memberName, peerUrls]) => ({ name: memberName, peerUrls }));
}

/** Without a word about the engine, the data directory or the cluster may have one that this fits to. */
function phase2Quorum(read: SettingReader): number {
  const engine = read.has("engine") ? read.text("engine") : null;
  if (engine !== null && engines.get(engine)?.flexibleQuorums !== true) {
    throw read.refusal(
      "phase2-quorum",
      `is nothing for --engine ${engine}, which commits with a majority: leave it out`,
    );
  }
  return read.integer("phase2-quorum");
}

const HOUR_MS = 3_600_000;
const LONGEST_RETENTION_MS = 10 * 365 * 24 * HOUR_MS;

function autoCompaction(read: SettingReader): AutoCompaction {
  const { text } = read.setting("auto-compaction-retention");
  const isNumber = /^\d+$/.test(text);
  const number = Number(text);
  if (isNumber && number === 0) return { mode: "off" };
  if (read.choice("auto-compaction-mode", ["periodic", "revision"]) === "revision") {
    if (!isNumber || !Number.isSafeInteger(number)) {
      throw read.refusal(
        "auto-compaction-retention",
        "contradicts --auto-compaction-mode revision: give a number of revisions, such as 1000",
      );
    }
    return { mode: "revision", retention: number };
  }
  const retentionMs = isNumber ? number * HOUR_MS : parseDuration(text);
  if (retentionMs === null || retentionMs > LONGEST_RETENTION_MS) {
    throw read.refusal(
      "auto-compaction-retention",
      "is no time to keep history: give hours as a number, or a time such as 30m",
    );
  }
  return retentionMs === 0 ? { mode: "off" } : { mode: "periodic", retentionMs };
}

/** Reads settings by the kind of their flag, with the flag's default. */
class SettingReader {
  readonly #settings: Settings;

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  has(name: FlagName): boolean {
    return this.#settings.has(name);
  }

  setting(name: FlagName): Setting {
    const flag = flagOf(name);
    return this.#settings.get(name) ?? { text: flag.fallback ?? "", source: `--${name}` };
  }

  refusal(name: FlagName, what: string): Error {
    const { text, source } = this.setting(name);
    return usageError(`${source} ${JSON.stringify(text)} ${what}`);
  }

  text(name: FlagName): string {
    const { text } = this.setting(name);
    if (text.trim() === "") throw this.refusal(name, "is empty: give a value, or leave it out");
    const { kind } = flagOf(name);
    if (kind.type === "choice" && !kind.values.includes(text))
      throw this.refusal(name, `is unknown: use ${kind.values.join(" or ")}`);
    return text;
  }

  choice<T extends string>(name: FlagName, values: readonly T[]): T {
    const { text } = this.setting(name);
    const found = values.find((value) => value === text);
    if (found !== undefined) return found;
    throw this.refusal(name, `is unknown: use ${values.join(" or ")}`);
  }

  boolean(name: FlagName): boolean {
    return this.choice(name, ["true", "false"]) === "true";
  }

  integer(name: FlagName): number {
    const { kind } = flagOf(name);
    if (kind.type !== "integer") throw new Error(`${name} is not an integer flag`);
    const { text } = this.setting(name);
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < kind.min || value > kind.max) {
      throw this.refusal(
        name,
        `is not a whole number of ${kind.unit} from ${kind.min} to ${kind.max}`.replace(
          "number of priority ",
          "number ",
        ),
      );
    }
    return value;
  }

  duration(name: FlagName): number {
    const { kind } = flagOf(name);
    if (kind.type !== "duration") throw new Error(`${name} is not a duration flag`);
    const ms = parseDuration(this.setting(name).text);
    if (ms === null || ms < kind.minMs || ms > kind.maxMs) {
      throw this.refusal(name, `is not a time from ${kind.minMs}ms to ${kind.maxMs / HOUR_MS}h, such as 10m`);
    }
    return ms;
  }

  listenUrls(name: FlagName): string[] {
    const { text, source } = this.setting(name);
    return parseListenUrls(source, text);
  }

  /** What others are told; what it listens on if that can be reached by others. */
  advertisedUrls(name: FlagName, listen: FlagName, listened: readonly string[]): readonly string[] {
    if (this.has(name)) {
      const { text, source } = this.setting(name);
      return parseAdvertisedUrls(source, text);
    }
    const wildcard = listened.find(isWildcard);
    if (wildcard !== undefined) {
      throw this.refusal(
        listen,
        `listens on every address, so --${name} must say which one others use, such as http://10.0.0.1:${hostPort(wildcard).port}`,
      );
    }
    return listened;
  }
}

function flagOf(name: FlagName): Flag {
  const flag: Flag | undefined = flags.find((one) => one.name === name);
  if (flag === undefined) throw new Error(`no flag ${name}`);
  return flag;
}
