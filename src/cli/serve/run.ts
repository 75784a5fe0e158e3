/**
 * A member as a process: starts it, tells how it is, stops it on a signal, and ends the process with a code that says
 * how it went: 0 stopped as asked, 1 failed while running, 2 could not start as configured.
 */

import type { Logger } from "../../environment.ts";
import { InvariantViolation, QuorateError } from "../../errors.ts";
import type { RunningMember, StopOptions } from "../../server/assemble.ts";
import type { MemberOptions } from "../../server/member-options.ts";
import { isStopAll, type ReportToParent } from "../dev/reports.ts";
import { ExitCode, oneLine } from "../failure.ts";
import { packageVersion } from "../package-version.ts";
import { SignalGate } from "../signal-gate.ts";
import type { Terminal } from "../terminal.ts";
import { hostPort } from "../urls.ts";
import type { ServeConfig } from "./config.ts";
import { createLogger } from "./logger.ts";

/** What `startMember` gives, as far as it is needed here. */
export type ServedMember = Pick<
  RunningMember,
  "memberId" | "clusterId" | "clientAddresses" | "peerAddresses" | "failed" | "stop"
> & {
  readonly replica: Pick<RunningMember["replica"], "status" | "onStatusChange">;
};

export interface ServeSurroundings {
  readonly terminal: Terminal;
  readonly startMember: (options: MemberOptions) => Promise<ServedMember>;
  /** Whether to tell the parent process (`quorate dev`) how it goes, and to stop when it says so or is gone. */
  readonly reports: boolean;
}

/** Longer than a member needs to hand leadership over and to write what is left. */
const STOP_LIMIT_MS = 15_000;

/** Never returns normally while the member runs: the process ends in here. */
export async function runServe(
  config: ServeConfig,
  { terminal, startMember, reports }: ServeSurroundings,
): Promise<never> {
  const logger = createLogger({ level: config.logLevel, format: config.logFormat });
  const signals = new SignalGate(["SIGTERM", "SIGINT"]);
  const fail = (code: ExitCode, line: string): never => {
    terminal.err(`quorate: ${line}\n`);
    process.exit(code);
  };
  process.on("uncaughtException", (error: Error) => {
    logger.error({ stack: error.stack }, oneLine(error));
    fail(ExitCode.failed, `member ${config.name} stopped: ${oneLine(error)}`);
  });

  // Before there is a member there is nothing to hand over or to write.
  signals.onFirst(() => process.exit(ExitCode.ok));
  let clusterStops = (): void => process.exit(ExitCode.ok);
  if (reports) {
    process.once("disconnect", () => clusterStops());
    process.on("message", (message) => {
      if (isStopAll(message)) clusterStops();
    });
  }
  let member: ServedMember;
  try {
    member = await startMember({ ...config, logger });
  } catch (error) {
    return fail(isConfigurationFault(error) ? ExitCode.usage : ExitCode.failed, startFault(error, config));
  }

  const send: ReportToParent = (report) => {
    if (reports && process.connected) process.send?.(report);
  };
  logger.info(
    {
      version: packageVersion(),
      member: member.memberId,
      cluster: member.clusterId,
      clients: member.clientAddresses.map(({ host, port }) => `${host}:${port}`),
      peers: member.peerAddresses.map(({ host, port }) => `${host}:${port}`),
    },
    `member ${config.name} is ready for clients`,
  );
  send({ type: "started", memberId: member.memberId.toString(16) });
  const tellLeadership = (): void => {
    const { leader, epoch } = member.replica.status().engine;
    send({ type: "leadership", leader: leader.toString(16), epoch });
  };
  member.replica.onStatusChange(tellLeadership);
  tellLeadership();

  const stopAsked = new Promise<{ readonly on: string; readonly handOver: boolean }>((resolve) => {
    signals.onFirst((signal) => resolve({ on: signal, handOver: true }));
    clusterStops = () => resolve({ on: "the end of quorate dev", handOver: false });
  });
  const outcome = await Promise.race([stopAsked, member.failed]);
  if (outcome instanceof Error) {
    logger.error({ stack: outcome.stack }, oneLine(outcome));
    return fail(ExitCode.failed, `member ${config.name} stopped: ${oneLine(outcome)}`);
  }
  logger.info({}, `stopping on ${outcome.on}`);
  return process.exit(await stopWithin(member, outcome, logger));
}

async function stopWithin(member: ServedMember, how: StopOptions, logger: Logger): Promise<ExitCode> {
  const limit = setTimeout(() => {
    logger.error({}, `not stopped within ${STOP_LIMIT_MS / 1000} s: ending anyway; nothing acknowledged is lost`);
    process.exit(ExitCode.failed);
  }, STOP_LIMIT_MS);
  try {
    await member.stop(how);
    logger.info({}, "stopped");
    return ExitCode.ok;
  } catch (error) {
    logger.error({ error }, `could not stop cleanly: ${oneLine(error)}`);
    return ExitCode.failed;
  } finally {
    clearTimeout(limit);
  }
}

/** Whether the user can do something about it, rather than we. */
function isConfigurationFault(error: unknown): boolean {
  if (error instanceof InvariantViolation) return false;
  return error instanceof QuorateError || (error instanceof Error && "code" in error);
}

/** An address that cannot be listened on is named by its flag. */
function startFault(error: unknown, config: ServeConfig): string {
  const line = oneLine(error);
  const port = systemErrorPort(error);
  if (port === null) return line;
  const lists = [
    ["--listen-client-urls", config.listenClientUrls],
    ["--listen-peer-urls", config.listenPeerUrls],
    ["--listen-metrics-urls", config.listenMetricsUrls],
  ] as const;
  const owner = lists.find(([, urls]) => urls.some((url) => hostPort(url).port === port));
  return owner === undefined ? line : `${owner[0]}: ${line}`;
}

function systemErrorPort(error: unknown): number | null {
  if (!(error instanceof Error)) return null;
  if ("port" in error && typeof error.port === "number") return error.port;
  return systemErrorPort(error.cause);
}
