/**
 * The ports through which everything impure enters the house: time, chance, disk, network, log lines.
 *
 * Types only. `src/node/` implements them for a real machine, `src/virtual/` for a simulated one; nothing else may touch a
 * clock, a file or a socket. The pure floors (`consensus/`, `keyspace/`, `wire/`, `placement/`) do not even use these:
 * they are told the time with each input.
 */

/** A member of a cluster: an unsigned 64-bit number, as in etcd. 0n stands for "none". */
export type MemberId = bigint;

/** A cluster: an unsigned 64-bit number, equal on all of its members. */
export type ClusterId = bigint;

/** One replicated log and its keyspace. A process may host many; unsigned 32-bit. */
export type GroupId = number;

/** A pending timer or scheduled call. */
export interface Scheduled {
  cancel(): void;
}

/** Where time comes from. */
export interface Clock {
  /** Milliseconds on a clock that never jumps and is not slowed by time synchronisation; fractions allowed. */
  now(): number;
  /** Unix time in milliseconds: for people and file names only, never for a decision. */
  wallClock(): number;
  /**
   * Calls `run` once after `delayMs`. Does not keep the process alive, unless `held`: somebody waits for it who would end
   * in the midst of a call.
   */
  after(delayMs: number, run: () => void, held?: boolean): Scheduled;
  /** Calls `run` soon, after the events that are ready now were handled: the end of this turn. */
  soon(run: () => void): void;
  /** Calls `run` when all that the event at hand brings about has been done: not later than `soon`, often earlier. */
  afterEvent(run: () => void): void;
}

/** Where chance comes from. */
export interface Random {
  /** A uniform unsigned 32-bit integer. */
  uint32(): number;
  /** A uniform unsigned 64-bit integer. */
  uint64(): bigint;
}

/** Error codes a disk answers with, beside others that a system may add. */
export type DiskErrorCode = "ENOENT" | "EEXIST" | "ENOSPC" | "EIO" | "EACCES" | "EROFS" | "EBUSY" | (string & {});

/** What a failing disk operation throws or rejects with. */
export interface DiskError extends Error {
  readonly code: DiskErrorCode;
}

/** An open file. Offsets and sizes in bytes. Operations on one file may overlap; the caller orders them. */
export interface DiskFile {
  readonly path: string;
  size(): Promise<number>;
  /** Reads up to `into.length` bytes at `offset`; resolves to the number read (0 at the end of the file). */
  read(into: Uint8Array, offset: number): Promise<number>;
  /** Writes all pieces one behind the other at `offset`. Not durable until `sync`. */
  write(pieces: readonly Uint8Array[], offset: number): Promise<void>;
  /** Makes data and size durable. After a rejection nothing about unsynced data may be believed. */
  sync(): Promise<void>;
  /**
   * `write`, then `sync`, in as few trips as the machine allows. A rejection with ENOSPC or EDQUOT is the write's: it
   * did not fit and may be tried again. A sync that fails never rejects with these, whatever the system calls it.
   */
  writeAndSync(pieces: readonly Uint8Array[], offset: number): Promise<void>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}

export interface Disk {
  /** `read`: must exist. `write`: opened for reading and writing, created if missing. `create`: must not exist. */
  open(path: string, mode: "read" | "write" | "create"): Promise<DiskFile>;
  /** Names in a directory, sorted. */
  list(directory: string): Promise<string[]>;
  /** Creates a directory and its parents. */
  makeDirectory(directory: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all that is in it. A missing one is no error. */
  remove(path: string): Promise<void>;
  /** Makes creations, renames and removals in a directory durable. */
  syncDirectory(directory: string): Promise<void>;
  /**
   * Takes the directory for this process until it ends or `release` is called.
   * @throws DiskError with code EBUSY if another process has it.
   */
  lock(directory: string): Promise<{ release(): Promise<void> }>;
}

/** One end of a byte stream between two processes. */
export interface Connection {
  /** Where the other end is, for log lines. */
  readonly remote: string;
  /** Queues pieces; returns the number of bytes now queued and not yet taken by the system. */
  write(pieces: readonly Uint8Array[]): number;
  /** At most one handler each. `close` comes exactly once, after which nothing else does. */
  onData(handle: (chunk: Uint8Array) => void): void;
  onClose(handle: (reason: Error | null) => void): void;
  /** Called whenever the queue of `write` ran empty. */
  onDrain(handle: () => void): void;
  /** Flow control: stop or go on receiving. */
  pause(): void;
  resume(): void;
  /** Closes at once; queued bytes may be lost. */
  destroy(reason?: Error): void;
}

/** An address to listen on or to connect to. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

export interface Listener {
  readonly address: Address;
  close(): Promise<void>;
}

export interface Network {
  listen(address: Address, accept: (connection: Connection) => void): Promise<Listener>;
  /** Rejects if the connection is refused or does not come up within `timeoutMs`. */
  connect(address: Address, timeoutMs: number): Promise<Connection>;
}

/** Where log lines go. `fields` are facts for machines, `message` is for people. */
export interface Logger {
  debug(fields: Readonly<Record<string, unknown>>, message: string): void;
  info(fields: Readonly<Record<string, unknown>>, message: string): void;
  warn(fields: Readonly<Record<string, unknown>>, message: string): void;
  error(fields: Readonly<Record<string, unknown>>, message: string): void;
}

export interface Environment {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly network: Network;
  readonly logger: Logger;
}
