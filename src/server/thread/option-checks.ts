/** What each option of an embedded member may be, by its name. */
import { engines } from "../../consensus/engines.ts";
import { maxMembers } from "../../consensus/membership.ts";
import { storeErrors } from "../../store/errors.ts";
import type { MemberOptions } from "../member-options.ts";

/** What is wrong with a value, in words that follow "name is value"; null: nothing. */
type Check = (value: unknown) => string | null;

const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
const DAY_MS = 86_400_000;

const text: Check = (value) => (typeof value === "string" && value.trim() !== "" ? null : "give a text");

const name: Check = (value) =>
  typeof value === "string" && /^[^=,\s]+$/.test(value) ? null : "give a text without =, comma or space";

const boolean: Check = (value) => (typeof value === "boolean" ? null : "give true or false");

const whole =
  (least: number, most: number): Check =>
  (value) =>
    typeof value === "number" && Number.isInteger(value) && value >= least && value <= most
      ? null
      : `give a whole number from ${least} to ${most}`;

const oneOf =
  (...names: string[]): Check =>
  (value) =>
    typeof value === "string" && names.includes(value) ? null : `use ${names.join(" or ")}`;

const urls: Check = (value) => {
  if (!Array.isArray(value)) return "give a list of URLs, as http://127.0.0.1:2379";
  const wrong = value.find((url) => !isUrl(url));
  return wrong === undefined ? null : `${shown(wrong)} is no URL of the form http://host:port`;
};

const cluster: Check = (value) => {
  const members: readonly unknown[] = Array.isArray(value) ? value : [];
  if (members.length === 0) return 'give a list of members, as { name: "a", peerUrls: ["http://10.0.0.1:2380"] }';
  const taken = new Set<unknown>();
  for (const member of members) {
    const { name: itsName, peerUrls } = (member ?? {}) as { readonly name?: unknown; readonly peerUrls?: unknown };
    const wrong = name(itsName) ?? urls(peerUrls);
    if (wrong !== null) return `${shown(member)} is no member: ${wrong}`;
    if (Array.isArray(peerUrls) && peerUrls.length === 0) return `${shown(itsName)} has no URL: give at least one`;
    for (const one of [`name ${shown(itsName)}`, ...(peerUrls as readonly string[])]) {
      if (taken.has(one)) return `${one} is there twice: each belongs to one member`;
      taken.add(one);
    }
  }
  return null;
};

const compaction: Check = (value) => {
  const { mode, retentionMs, retention } = (value ?? {}) as Readonly<Record<string, unknown>>;
  switch (mode) {
    case "off":
      return null;
    case "periodic":
      return whole(1, 10 * 365 * DAY_MS)(retentionMs)?.replace(/^/, "retentionMs: ") ?? null;
    case "revision":
      return whole(1, Number.MAX_SAFE_INTEGER)(retention)?.replace(/^/, "retention: ") ?? null;
    default:
      return 'give { mode: "off" }, { mode: "periodic", retentionMs } or { mode: "revision", retention }';
  }
};

const LEVELS = ["debug", "info", "warn", "error"] as const;

const logger: Check = (value) => {
  const methods = (value ?? {}) as Readonly<Record<string, unknown>>;
  const missing = LEVELS.filter((level) => typeof methods[level] !== "function");
  return missing.length === 0 ? null : `it has no ${missing.join(", ")}: give functions (fields, message)`;
};

const CHECKS: { readonly [Name in keyof Required<MemberOptions>]: Check } = {
  name,
  dataDir: text,
  listenClientUrls: urls,
  advertiseClientUrls: urls,
  listenPeerUrls: urls,
  initialAdvertisePeerUrls: urls,
  listenMetricsUrls: urls,
  initialCluster: cluster,
  initialClusterState: oneOf("new", "existing"),
  initialClusterToken: text,
  engine: oneOf(...engines.keys()),
  phase2Quorum: whole(1, maxMembers),
  heartbeatMs: whole(10, 10_000),
  electionMs: whole(50, 50_000),
  snapshotCount: whole(10, 100_000_000),
  snapshotCatchupEntries: whole(0, 100_000_000),
  quotaBackendBytes: whole(0, 64 * GIB),
  historyBudgetBytes: whole(0, 64 * GIB),
  autoCompaction: compaction,
  maxRequestBytes: whole(1024, 10 * MIB),
  maxTxnOps: whole(1, 10_000),
  maxConcurrentStreams: whole(1, 2 ** 32 - 1),
  leaseReads: boolean,
  priority: whole(0, 100),
  watchProgressIntervalMs: whole(100, DAY_MS),
  strictReconfigCheck: boolean,
  logger,
};

export function isKnownOption(option: string): option is keyof MemberOptions {
  return Object.hasOwn(CHECKS, option);
}

/** @throws QuorateError INVALID_ARGUMENT naming the option, its value and what to do */
export function checkOption(option: keyof MemberOptions, value: unknown): void {
  const wrong = CHECKS[option](value);
  if (wrong !== null) throw storeErrors.invalidArgument(`${option} is ${shown(value)}: ${wrong}`);
}

function isUrl(value: unknown): boolean {
  if (typeof value !== "string" || !URL.canParse(value)) return false;
  const { protocol, pathname, search, hash, username } = new URL(value);
  return protocol === "http:" && pathname === "/" && search === "" && hash === "" && username === "";
}

function shown(value: unknown): string {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
}
