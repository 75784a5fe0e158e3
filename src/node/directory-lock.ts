/**
 * Takes a directory for one process, until that process ends in whatever way.
 *
 * Node has no flock, and a file with a process number in it lies after a kill, when numbers are used again, and between
 * containers that each have a process 1. So the lock is a listening Unix socket in the directory: the system closes it
 * with the process, and connecting to it proves that the owner lives (also one that is stopped or busy: the system
 * itself accepts). What is left behind by a dead owner refuses connections and is removed.
 *
 * Two processes that start at the same moment: each first listens under a name of its own and only then looks for
 * others. Whoever looks second sees the first; both may see each other, then both step back and try again after a wait
 * of random length. Never do both stay.
 *
 * A directory shared over a network is out of reach: a socket does not say that its owner lives on another machine.
 */
import { randomBytes } from "node:crypto";
import fs from "node:fs";
import net from "node:net";
import os from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { DiskError } from "../environment.ts";
import { diskError } from "./disk-error.ts";

/** The most bytes in a socket's path: 108 on Linux, 104 on macOS, with the closing zero. */
const maxSocketPathBytes = 103;
const prefix = "lock-";
const attempts = 5;
/** What binding a socket is refused with on a file system that has none; each process there gets the same answer. */
const noSocketsHere = ["EOPNOTSUPP", "ENOTSUP", "EPERM"];
const maxRetryDelayMs = 50;

/** @throws DiskError with code EBUSY that names the process which has the directory. */
export async function lockDirectory(directory: string): Promise<{ release(): Promise<void> }> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await tryLock(directory);
    } catch (error) {
      if (!hasCode(error, ["EBUSY"]) || attempt === attempts) throw error;
    }
    await wait(1 + Math.random() * maxRetryDelayMs);
  }
}

function hasCode(error: unknown, codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && typeof error.code === "string" && codes.includes(error.code);
}

async function tryLock(directory: string): Promise<{ release(): Promise<void> }> {
  try {
    return await tryLockAt(await placeInside(directory), directory);
  } catch (error) {
    if (!hasCode(error, noSocketsHere)) throw error;
    return tryLockAt(await placeElsewhere(directory), directory);
  }
}

async function tryLockAt(place: Place, directory: string): Promise<{ release(): Promise<void> }> {
  const own = `${prefix}${process.pid}-${randomBytes(6).toString("hex")}`;
  try {
    const server = await listen(place.socketPath(own));
    try {
      for (const name of await fs.promises.readdir(place.directory)) {
        if (name === own || !name.startsWith(prefix)) continue;
        if (await answers(place.socketPath(name))) throw taken(directory, name);
        await fs.promises.rm(join(place.directory, name), { force: true });
      }
    } catch (error) {
      await stop(server);
      throw error;
    }
    let released = false;
    return {
      async release(): Promise<void> {
        if (released) return;
        released = true;
        await stop(server);
        await place.close();
      },
    };
  } catch (error) {
    await place.close();
    throw error;
  }
}

function taken(directory: string, name: string): DiskError {
  const owner = name.slice(prefix.length).split("-")[0] ?? "unknown";
  return diskError(
    "EBUSY",
    `the data directory ${directory} is in use by process ${owner}; stop that process or choose another directory`,
  );
}

/** Where the sockets of a directory are, and under which path they can be reached in spite of the limit on length. */
interface Place {
  readonly directory: string;
  socketPath(name: string): string;
  close(): Promise<void>;
}

async function placeInside(directory: string): Promise<Place> {
  const longest = join(directory, `${prefix}4294967295-${"0".repeat(12)}`);
  if (Buffer.byteLength(longest) <= maxSocketPathBytes) {
    return { directory, socketPath: (name) => join(directory, name), close: async () => undefined };
  }
  if (process.platform === "linux") {
    const handle = await fs.promises.open(directory, fs.constants.O_RDONLY | fs.constants.O_DIRECTORY);
    return { directory, socketPath: (name) => `/proc/self/fd/${handle.fd}/${name}`, close: () => handle.close() };
  }
  return placeElsewhere(directory);
}

/** For a directory whose path is too long, or whose file system has no sockets: a place for temporary files. */
async function placeElsewhere(directory: string): Promise<Place> {
  const { dev, ino } = await fs.promises.stat(directory, { bigint: true });
  const other = join(os.tmpdir(), `quorate-${dev.toString(36)}-${ino.toString(36)}`);
  await fs.promises.mkdir(other, { recursive: true, mode: 0o700 });
  return { directory: other, socketPath: (name) => join(other, name), close: async () => undefined };
}

async function listen(path: string): Promise<net.Server> {
  const server = net.createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
  // A caller that connects and goes away may make `accept` fail: no reason to end.
  server.on("error", () => undefined);
  return server.unref();
}

function stop(server: net.Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Whether a process listens behind this socket. Only a refusal, or that nothing is there any more, says no. */
function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(path);
    const end = (alive: boolean): void => {
      socket.destroy();
      resolve(alive);
    };
    socket.once("connect", () => end(true));
    socket.once("error", (error: Error & { code?: string }) => {
      end(error.code !== "ECONNREFUSED" && error.code !== "ENOENT" && error.code !== "ENOTSOCK");
    });
  });
}
