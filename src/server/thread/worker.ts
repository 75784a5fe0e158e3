/** What runs in the member's thread: the member, until it is told to stop or fails. Nothing imports this file. */
import { parentPort, workerData } from "node:worker_threads";
import type { Logger } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { Replica } from "../../replica/face.ts";
import type { RunningMember } from "../assemble.ts";
import { startMemberBehind } from "../member.ts";
import { startServer } from "../server.ts";
import { noteOf } from "./error-note.ts";
import { PortDoor } from "./port-door.ts";
import { type FromThread, type LogLevel, STOP, type ThreadPlan } from "./protocol.ts";

const { options, logs, calls } = workerData as ThreadPlan;

function tell(message: FromThread): void {
  parentPort?.postMessage(message);
}

/** Ends the thread, and nothing else. */
function fail(error: unknown): void {
  tell({ is: "failed", error: noteOf(error) });
  process.exit(1);
}

process.on("uncaughtException", fail);

function logger(): Logger {
  const line =
    (level: LogLevel) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      try {
        tell({ is: "log", level, fields, message });
      } catch {
        // Something in it does not go through a port.
        const texts = Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));
        tell({ is: "log", level, fields: texts, message });
      }
    };
  return { debug: line("debug"), info: line("info"), warn: line("warn"), error: line("error") };
}

async function start(): Promise<RunningMember> {
  const member = await startMemberBehind({ ...options, ...(logs ? { logger: logger() } : {}) }, (doors) =>
    startServer({
      ...doors,
      beside: (table) => new PortDoor({ ...table, port: calls, clock: doors.environment.clock }),
    }),
  );
  const { voters, learners } = member.replica.status().engine.membership;
  const members = voters.length + learners.length;
  if (members > 1 && options.listenPeerUrls.length === 0) {
    await member.stop({ handOver: false });
    throw new QuorateError(
      "INVALID_ARGUMENT",
      GrpcStatus.invalidArgument,
      `listenPeerUrls is missing: ${options.dataDir} is that of a member of ${members}, which the others must reach`,
    );
  }
  // One that is alone leads at once, and then its first calls need not wait. Others may be a long time in coming.
  if (members === 1) await Promise.race([ledBySomebody(member.replica), member.failed.then(raise)]);
  return member;
}

function ledBySomebody(replica: Replica): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (replica.status().engine.leader === 0n) return;
      stop();
      resolve();
    };
    const stop = replica.onStatusChange(look);
    look();
  });
}

function raise(error: Error): never {
  throw error;
}

/** What the system itself refuses at the start is the disk's: who cannot listen says so in words of our own. */
function refusal(error: unknown): unknown {
  if (!(error instanceof Error) || !("syscall" in error)) return error;
  const message = `cannot use ${options.dataDir} as data directory: ${error.message}; choose one that can be written to`;
  return new QuorateError("DATA_DIR", GrpcStatus.failedPrecondition, message, { cause: error });
}

try {
  const member = await start();
  void member.failed.then(fail);
  parentPort?.on("message", (message) => {
    if (message !== STOP) return;
    member.stop().then(() => process.exit(0), fail);
  });
  tell({ is: "started" });
} catch (error) {
  tell({ is: "refused", error: noteOf(refusal(error)) });
  process.exit(1);
}
