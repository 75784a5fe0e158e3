/** Opening a data directory: whose it is, what it holds, and what may be believed of it. */
import type { Clock, Disk, GroupId, Logger, Random } from "../environment.ts";
import { InvariantViolation } from "../errors.ts";
import { asError, corrupt, isTaken, wrongDirectory } from "./fault.ts";
import { GroupLog } from "./group-log.ts";
import { LogGroup } from "./group-storage.ts";
import { type HardState, HardStateFile, hardStateName, maxEngineNameBytes, readHardState } from "./hard-state.ts";
import {
  describeIdentity,
  identityName,
  newIdentityName,
  readIdentityFile,
  sameIdentity,
  writeIdentityFile,
} from "./identity.ts";
import { reaffirm } from "./reaffirm.ts";
import { type RecoveredGroup, type RecoveredLog, recoverLog } from "./recover.ts";
import { sequenceOf } from "./segment.ts";
import { Snapshots } from "./snapshots.ts";
import type { GroupStorage, Storage, StorageEvents, StorageIdentity } from "./storage.ts";
import { Wal } from "./wal.ts";

/** Bytes of a segment, unless said otherwise. */
export const defaultSegmentBytes: number = 64 * 1024 * 1024;
const leastSegmentBytes = 4096;
const mostSegmentBytes = 256 * 1024 * 1024;

const logName = "log";
const snapshotsName = "snapshots";
/** What a directory may hold before it is anybody's: left by a start that was cut short. */
const unfinishedNames: readonly string[] = [newIdentityName, hardStateName, logName, snapshotsName];

export interface StorageOptions {
  /** Who this member is: the directory is made for it, or must be its own. Null: the directory must exist and says. */
  readonly identity: StorageIdentity | null;
  /** Other members may have what is lost here. False for the only member of a cluster: it refuses to start then. */
  readonly repairable: boolean;
  readonly events: StorageEvents;
  /** From 4 KiB to 256 MiB; default 64 MiB. */
  readonly segmentBytes?: number;
}

export interface StorageEnvironment {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Opens the data directory, making it if it is missing or empty.
 * @throws QuorateError with code `DATA_DIR` (not this member's, in use, not usable) or `DATA_CORRUPT` (lost what nothing
 * can restore; nothing was changed). DiskError where the disk fails otherwise.
 */
export async function openStorage(
  environment: StorageEnvironment,
  directory: string,
  options: StorageOptions,
): Promise<Storage> {
  const segmentBytes = options.segmentBytes ?? defaultSegmentBytes;
  if (!(segmentBytes >= leastSegmentBytes && segmentBytes <= mostSegmentBytes && segmentBytes % 8 === 0))
    throw new InvariantViolation(
      `segmentBytes is ${segmentBytes}: it must be a multiple of 8 from ${leastSegmentBytes} to ${mostSegmentBytes}`,
    );
  const { disk } = environment;
  const lock = await takeDirectory(disk, directory);
  try {
    return await open(environment, directory, options, segmentBytes, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function open(
  environment: StorageEnvironment,
  directory: string,
  options: StorageOptions,
  segmentBytes: number,
  lock: { release(): Promise<void> },
): Promise<Storage> {
  const { disk, clock, random, logger } = environment;
  const { events, repairable } = options;
  const found = await readHardState(disk, directory);
  const identity = await establish(environment, directory, options.identity, found);
  const known = await readHardState(disk, directory);

  // They are there, unless somebody tidied up too much: what was in them counts as lost then, like any other file.
  for (const name of [logName, snapshotsName]) await disk.makeDirectory(`${directory}/${name}`);
  const links: { wal: Wal | null } = { wal: null };
  const snapshots = new Snapshots({
    disk,
    random,
    logger,
    directory: `${directory}/${snapshotsName}`,
    identity,
    barrier: () => links.wal?.barrier() ?? Promise.resolve(),
    failed: (error) => links.wal?.fail(error),
  });
  const loaded = await snapshots.load();
  const hint = known !== null && sameIdentity(known.identity, identity) ? known.hint : null;
  const log = await recoverLog({
    disk,
    directory: `${directory}/${logName}`,
    identity,
    hint,
    snapshots: loaded.newest,
    repairable,
  });
  await reaffirm(disk, [directory, `${directory}/${logName}`, `${directory}/${snapshotsName}`], log.segments.at(-1));
  const groups = withFindings(log, loaded.findings);
  for (const [group, { findings }] of groups) {
    for (const finding of findings) logger.warn({ group, directory }, finding);
  }
  await snapshots.tidy();

  const hardState = await HardStateFile.open(disk, directory, identity, known);
  const resets = [...groups].filter(([, group]) => group.reset).map(([id]) => id);
  const wal = new Wal(
    { disk, clock, random, logger, directory: `${directory}/${logName}`, identity, segmentBytes, events, hardState },
    {
      segments: log.segments.map(({ size, ...segment }) => ({ ...segment, bytes: size })),
      orphans: log.orphans,
      sequence: log.sequence,
      batch: log.batch,
      chain: log.chain,
      checkpoints: new Map(
        [...groups].map(([id, { log, state, untrusted }]) => [id, { last: log.last, state, untrusted }]),
      ),
      resets,
    },
  );
  links.wal = wal;
  return new MemberStorage(identity, wal, snapshots, hardState, lock, groups, log.unknown);
}

class MemberStorage implements Storage {
  readonly identity: StorageIdentity;
  readonly #wal: Wal;
  readonly #snapshots: Snapshots;
  readonly #hardState: HardStateFile;
  readonly #lock: { release(): Promise<void> };
  readonly #found: Map<GroupId, RecoveredGroup>;
  readonly #unknown: RecoveredGroup;
  readonly #groups = new Map<GroupId, LogGroup>();
  #closing: Promise<void> | null = null;

  constructor(
    identity: StorageIdentity,
    wal: Wal,
    snapshots: Snapshots,
    hardState: HardStateFile,
    lock: { release(): Promise<void> },
    found: Map<GroupId, RecoveredGroup>,
    unknown: RecoveredGroup,
  ) {
    this.identity = identity;
    this.#wal = wal;
    this.#snapshots = snapshots;
    this.#hardState = hardState;
    this.#lock = lock;
    this.#found = found;
    this.#unknown = unknown;
  }

  get bytes(): number {
    return this.#wal.bytes + this.#snapshots.bytes;
  }

  group(id: GroupId): GroupStorage {
    let group = this.#groups.get(id);
    if (group === undefined) {
      if (!(Number.isInteger(id) && id >= 0 && id < 2 ** 32))
        throw new InvariantViolation(`${id} is no group: it must be a 32-bit number`);
      const found = this.#found.get(id);
      this.#found.delete(id);
      const recovered = found ?? { ...this.#unknown, log: new GroupLog({ index: 0, epoch: 0 }) };
      group = new LogGroup(id, recovered, found === undefined, this.#wal, this.#snapshots);
      this.#groups.set(id, group);
    }
    return group;
  }

  finish(): Promise<void> {
    return this.#wal.finish();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#wal.close();
    await this.#hardState.close();
    await this.#lock.release();
  }
}

async function takeDirectory(disk: Disk, directory: string): Promise<{ release(): Promise<void> }> {
  try {
    await disk.makeDirectory(directory);
    await disk.syncDirectory(parentOf(directory));
    return await disk.lock(directory);
  } catch (error) {
    const reason = asError(error).message;
    if (isTaken(error)) throw wrongDirectory(reason, error);
    throw wrongDirectory(
      `cannot use ${directory} as data directory: ${reason}; choose one that can be written to`,
      error,
    );
  }
}

function parentOf(directory: string): string {
  const path = directory.replace(/\/+$/, "");
  const at = path.lastIndexOf("/");
  return at < 0 ? "." : at === 0 ? "/" : path.slice(0, at);
}

/** Says whose directory it is; makes it the wanted one's if it is nobody's. */
async function establish(
  environment: StorageEnvironment,
  directory: string,
  wanted: StorageIdentity | null,
  known: HardState | null,
): Promise<StorageIdentity> {
  const { disk, logger } = environment;
  const written = await readIdentityFile(disk, directory);
  if (written !== "missing" && written !== "damaged") return checked(directory, wanted, written);
  if (known !== null && (written === "damaged" || (await isUsed(disk, directory)))) {
    const identity = checked(directory, wanted, known.identity);
    logger.warn({ directory }, `the file ${identityName} is ${written}: written again from its second copy`);
    await writeIdentityFile(disk, directory, identity);
    return identity;
  }
  if (written === "damaged") {
    throw corrupt(
      `the file ${directory}/${identityName} is damaged, and so is its second copy; restore it from a backup`,
    );
  }
  const names = (await disk.list(directory)).filter((name) => !name.startsWith("lock-") && name !== "lost+found");
  const foreign = names.find((name) => !unfinishedNames.includes(name));
  if (foreign !== undefined || (await isUsed(disk, directory))) {
    throw wrongDirectory(
      `${directory} is not empty and not a Quorate data directory (there is ${foreign ?? "a log"}, but no ${identityName}); ` +
        "choose an empty directory",
    );
  }
  if (wanted === null) throw wrongDirectory(`${directory} holds no member's data yet; say which member it is for`);
  await create(disk, directory, wanted);
  return wanted;
}

function checked(directory: string, wanted: StorageIdentity | null, written: StorageIdentity): StorageIdentity {
  if (wanted === null || sameIdentity(wanted, written)) return written;
  throw wrongDirectory(
    `${directory} belongs to ${describeIdentity(written)}; this is ${describeIdentity(wanted)}. ` +
      "Use the directory that was made for this member, or an empty one",
  );
}

/** Whether there is a log or a snapshot in it. */
async function isUsed(disk: Disk, directory: string): Promise<boolean> {
  const names = await disk.list(directory);
  const inside = async (name: string): Promise<string[]> =>
    names.includes(name) ? disk.list(`${directory}/${name}`) : [];
  const log = await inside(logName);
  const snapshots = await inside(snapshotsName);
  return log.some((name) => sequenceOf(name) !== null) || snapshots.some((name) => name.endsWith(".snap"));
}

/** The identity comes last: a directory that has it is complete. */
async function create(disk: Disk, directory: string, identity: StorageIdentity): Promise<void> {
  const nameBytes = Buffer.byteLength(identity.engine);
  if (!(nameBytes > 0 && nameBytes <= maxEngineNameBytes))
    throw new InvariantViolation(`"${identity.engine}" is no engine's name: 1 to 32 bytes`);
  await disk.makeDirectory(`${directory}/${logName}`);
  await disk.makeDirectory(`${directory}/${snapshotsName}`);
  const hardState = await HardStateFile.open(disk, directory, identity, null);
  try {
    // Both slots, so that later writings never make the file grow.
    for (let slot = 0; slot < 2; slot++) await hardState.write({ segment: 0, batch: 0, chain: 0 });
  } finally {
    await hardState.close();
  }
  await disk.syncDirectory(directory);
  await writeIdentityFile(disk, directory, identity);
}

function withFindings(
  log: RecoveredLog,
  findings: ReadonlyMap<GroupId, readonly string[]>,
): Map<GroupId, RecoveredGroup> {
  const groups = new Map(log.groups);
  for (const [id, found] of findings) {
    const group = groups.get(id) ?? { ...log.unknown, log: new GroupLog({ index: 0, epoch: 0 }) };
    groups.set(id, { ...group, findings: [...found, ...group.findings] });
  }
  return groups;
}
