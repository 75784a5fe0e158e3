/** What `quorate dev` will run and where: ports, folders, and whether they can be used. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { dirname, join, resolve } from "node:path";
import { oneLine, usageError } from "../failure.ts";

export interface DevSettings {
  readonly members: number;
  /** The first member's client port; the next members' are 100 higher each. Peer ports are one above. */
  readonly basePort: number;
  readonly dataDir: string;
  readonly engine: string;
  /** As of `quorate serve`; missing: a majority. */
  readonly phase2Quorum?: number | undefined;
}

export interface MemberPlan {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  readonly dataDir: string;
  readonly logFile: string;
}

export const MAX_MEMBERS = 9;
const PORT_STEP = 100;
const HOST = "127.0.0.1";
/** Says that a folder belongs to `quorate dev`, and with which settings its members were made. */
const MARK_FILE = "dev.json";
const MARK_FORMAT = 1;

/** @throws usageError if the ports do not fit */
export function planMembers(settings: DevSettings): MemberPlan[] {
  const { members, basePort, dataDir } = settings;
  const highest = basePort + (members - 1) * PORT_STEP + 1;
  if (highest > 65_535) {
    throw usageError(
      `--base-port ${basePort} with ${members} members needs ports up to ${highest}: use at most ${65_535 - (highest - basePort)}`,
    );
  }
  return Array.from({ length: members }, (_, index) => {
    const name = `m${index + 1}`;
    const clientPort = basePort + index * PORT_STEP;
    return {
      name,
      clientPort,
      peerPort: clientPort + 1,
      dataDir: join(dataDir, name),
      logFile: join(dataDir, `${name}.log`),
    };
  });
}

export function clientUrl(plan: MemberPlan): string {
  return `http://${HOST}:${plan.clientPort}`;
}

export function peerUrl(plan: MemberPlan): string {
  return `http://${HOST}:${plan.peerPort}`;
}

/** The command line of one member's `quorate serve`. */
export function serveWords(
  plan: MemberPlan,
  all: readonly MemberPlan[],
  { engine, phase2Quorum }: Pick<DevSettings, "engine" | "phase2Quorum">,
): string[] {
  return [
    "serve",
    `--name=${plan.name}`,
    `--data-dir=${plan.dataDir}`,
    `--listen-client-urls=${clientUrl(plan)}`,
    `--advertise-client-urls=${clientUrl(plan)}`,
    `--listen-peer-urls=${peerUrl(plan)}`,
    `--initial-advertise-peer-urls=${peerUrl(plan)}`,
    `--initial-cluster=${all.map((one) => `${one.name}=${peerUrl(one)}`).join(",")}`,
    "--initial-cluster-token=quorate-dev",
    `--engine=${engine}`,
    ...(phase2Quorum === undefined ? [] : [`--phase2-quorum=${phase2Quorum}`]),
    "--report-to-parent",
  ];
}

/**
 * Makes the data folder, or checks that the one there was made with the same settings: its members know each other by
 * ports and number.
 * @throws usageError naming what does not fit
 */
export function prepareDataDir(settings: DevSettings): void {
  const { dataDir, members, basePort, engine, phase2Quorum } = settings;
  const mark = join(dataDir, MARK_FILE);
  let names: string[];
  try {
    makeDirectory(resolve(dataDir));
    names = readdirSync(dataDir);
  } catch (error) {
    throw usageError(`--data-dir ${JSON.stringify(dataDir)} cannot be used: ${oneLine(error)}`);
  }
  if (names.includes(MARK_FILE)) {
    refuseIfOther(settings, readMark(dataDir, mark));
  } else if (names.length > 0) {
    throw usageError(
      `--data-dir ${JSON.stringify(dataDir)} holds files that quorate dev did not make (${names[0]}): use an empty or new directory`,
    );
  }
  try {
    // Written each time: it also proves that the folder is writable.
    const made = { format: MARK_FORMAT, members, basePort, engine, phase2Quorum };
    writeFileSync(`${mark}.new`, `${JSON.stringify(made)}\n`);
    renameSync(`${mark}.new`, mark);
  } catch (error) {
    throw usageError(`--data-dir ${JSON.stringify(dataDir)} cannot be written: ${oneLine(error)}`);
  }
}

/** With its parents. Node's own way never ends where the system denies a folder by saying that its parent is missing (/proc). */
function makeDirectory(path: string): void {
  if (existsSync(path) && statSync(path).isDirectory()) return;
  if (!existsSync(dirname(path))) makeDirectory(dirname(path));
  mkdirSync(path);
}

interface Mark {
  readonly members: unknown;
  readonly basePort: unknown;
  readonly engine: unknown;
  readonly phase2Quorum: unknown;
}

function readMark(dataDir: string, path: string): Mark {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof parsed === "object" && parsed !== null && "format" in parsed && parsed.format === MARK_FORMAT) {
      return { members: undefined, basePort: undefined, engine: undefined, phase2Quorum: undefined, ...parsed };
    }
  } catch (error) {
    throw usageError(`${path} cannot be read: ${oneLine(error)}; remove ${dataDir} to begin anew`);
  }
  throw usageError(`${path} was written by another version of quorate: use another --data-dir, or remove ${dataDir}`);
}

function withValue(flag: string, value: unknown): string {
  if (value === undefined) return `no ${flag}`;
  return `${flag} ${typeof value === "string" ? value : JSON.stringify(value)}`;
}

function refuseIfOther({ dataDir, members, basePort, engine, phase2Quorum }: DevSettings, mark: Mark): void {
  const differing = [
    ["--members", members, mark.members],
    ["--base-port", basePort, mark.basePort],
    ["--engine", engine, mark.engine],
    ["--phase2-quorum", phase2Quorum, mark.phase2Quorum],
  ] as const;
  for (const [flag, asked, made] of differing) {
    if (asked === made) continue;
    throw usageError(
      `${withValue(flag, asked)} does not fit the data in ${JSON.stringify(dataDir)}, which was made with ${withValue(flag, made)}: use that, another --data-dir, or remove the directory`,
    );
  }
}

/** @throws usageError naming the first port that is taken */
export async function checkPorts(plans: readonly MemberPlan[]): Promise<void> {
  for (const { name, clientPort, peerPort } of plans) {
    await checkPort(clientPort, `client port of ${name}`);
    await checkPort(peerPort, `peer port of ${name}`);
  }
}

function checkPort(port: number, whose: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: Error & { code?: string }) => {
      const taken = error.code === "EADDRINUSE";
      const reason = taken
        ? "is in use: stop what listens there, or choose others with --base-port"
        : `cannot be used: ${oneLine(error)}`;
      reject(usageError(`port ${port} (${whose}) ${reason}`));
    });
    probe.listen({ host: HOST, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
