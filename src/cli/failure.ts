/**
 * How a command ends badly: the exit code and the one line it prints.
 *
 * 0 is success, 1 a call or a running member that failed, 2 a command line, environment or configuration that cannot
 * be used (nothing was started or sent).
 *
 * Verbs that run another command while they hold something hand its exit code on, and keep theirs apart from the usual
 * ones: the numbers are those of sysexits.h and of shells.
 */
import { GrpcStatus, QuorateError } from "../errors.ts";

export const ExitCode = {
  ok: 0,
  failed: 1,
  usage: 2,
  /** The cluster could not be reached, or refused; the command was not run. EX_UNAVAILABLE. */
  unavailable: 69,
  /** What was held was lost, and the command was ended. EX_IOERR. */
  lost: 74,
  /** It could not be had in time; the command was not run. EX_TEMPFAIL. */
  notInTime: 75,
  /** The command is there, but cannot be run. */
  cannotRun: 126,
  /** There is no such command. */
  notFound: 127,
} as const;
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];

/** Ends this process with a code of its own; the message, unless it is empty, is printed as it is. */
export class ExitWith extends Error {
  override readonly name = "ExitWith";
  readonly code: number;

  constructor(code: number, line = "") {
    super(line);
    this.code = code;
  }
}

/** The user asked for something that cannot be done as written; `message` names the value and what to do. */
export function usageError(message: string): QuorateError {
  return new QuorateError("USAGE", GrpcStatus.invalidArgument, message);
}

/** A call to a cluster failed, or gave an answer that makes the command fail. */
export function callError(message: string, status: GrpcStatus = GrpcStatus.unknown, cause?: unknown): QuorateError {
  return new QuorateError("CALL", status, message, { cause });
}

/** The exit code for what a command threw. */
export function exitCodeOf(error: unknown): number {
  return error instanceof QuorateError && (error.code === "USAGE" || error.code === "CONFIG")
    ? ExitCode.usage
    : ExitCode.failed;
}

/** What a system error means to a person, by its code. */
const systemReasons: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use: stop what listens there, or choose another",
  EADDRNOTAVAIL: "not an address of this machine",
  EACCES: "permission denied: choose a place this user may use, or change its permissions",
  EPERM: "operation not permitted for this user",
  EROFS: "on a read-only file system",
  ENOENT: "does not exist",
  ENOTDIR: "part of the path is not a directory",
  EISDIR: "is a directory",
  EEXIST: "exists already",
  ENOSPC: "no space left on the disk",
  EBUSY: "in use by another process",
  ENOTFOUND: "host name not found",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection reset",
  ETIMEDOUT: "timed out",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  EAI_AGAIN: "host name not found (no answer from the name server)",
};

/** The part of a Node system error that says what it was about. */
interface SystemErrorFields {
  readonly code?: unknown;
  readonly path?: unknown;
  readonly address?: unknown;
  readonly port?: unknown;
}

/** One line for people: no stack, no line breaks. */
export function oneLine(error: unknown): string {
  if (error instanceof AggregateError && error.message === "" && error.errors.length > 0)
    return oneLine(error.errors[0]);
  if (!(error instanceof Error)) return flatten(String(error));
  if (error instanceof QuorateError) return flatten(error.message);
  const { code, path, address, port } = error as SystemErrorFields;
  const reason = typeof code === "string" ? systemReasons[code] : undefined;
  if (typeof code !== "string" || reason === undefined)
    return flatten(error.message === "" ? error.name : error.message);
  if (typeof path === "string") return flatten(`${path}: ${reason} (${code})`);
  if (typeof address === "string")
    return `${address}${typeof port === "number" ? `:${port}` : ""}: ${reason} (${code})`;
  return flatten(`${error.message}: ${reason}`);
}

function flatten(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, " ");
}
