/**
 * `services register`: an instance that can be found for as long as a command runs.
 *
 *     command starts ─▶ registered ─▶ SIGTERM ─▶ draining ─(--linger)─▶ SIGTERM to the command ─▶ ended ─▶ released
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { commandCheck } from "../../discovery/checks/command-check.ts";
import { httpCheck } from "../../discovery/checks/http-check.ts";
import { tcpCheck } from "../../discovery/checks/tcp-check.ts";
import type { HealthCheck } from "../../discovery/registry/health.ts";
import type { Registration } from "../../discovery/registry/registration.ts";
import { stayAlive } from "../../node/stay-alive.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import { addClientOptions, type LibraryContext, wholeNumber, withQuorate } from "../client-options.ts";
import { parseDuration } from "../duration.ts";
import { ExitCode, ExitWith, oneLine, usageError } from "../failure.ts";
import { table } from "../format/table.ts";
import { Interrupt } from "../holding/interrupt.ts";
import { exitCodeOfSignal, ProcessGroup } from "../holding/process-group.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "./example.ts";
import { addressOf, eachOf, pairsOf } from "./services-words.ts";

interface RegisterOptions {
  readonly address: string;
  readonly port: number;
  readonly id?: string;
  readonly weight?: number;
  readonly zone?: string;
  readonly tag?: readonly string[];
  readonly meta?: Readonly<Record<string, string>>;
  readonly checkHttp?: readonly string[];
  readonly checkTcp?: { readonly host: string; readonly port: number };
  readonly checkCommand?: readonly string[];
  readonly checkEvery: number;
  readonly linger: number;
  readonly ttl: number;
}

/** From SIGTERM to SIGKILL for what a command has left in its group, ms. */
const GRACE_MS = 5_000;
const LONGEST_MS = 86_400_000;

export function addServicesRegister(services: Command, terminal: Terminal): void {
  const command = services
    .command("register")
    .summary("let an instance be found while a command runs")
    .argument("<name>", "the service")
    .argument("[command...]", "what to run, behind --")
    .requiredOption("--address <address>", "where the instance is: an IP address or a host's name")
    .requiredOption("--port <port>", "its port", wholeNumber(1))
    .option("--id <id>", "its own within the service (default: drawn by chance)")
    .option("--weight <number>", "its share of the calls, relative to others' (default: 1)", positive)
    .option("--zone <zone>", "where it stands: a rack, a data centre")
    .option("--tag <tag>", "may be given several times", eachOf)
    .option("--meta <name=value>", "may be given several times", pairsOf)
    .option("--check-http <url>", "it takes calls while this URL answers with 2xx; may be given several times", eachOf)
    .option("--check-tcp <host:port>", "it takes calls while a connection comes up", addressOf)
    .option("--check-command <line>", "it takes calls while this shell command ends with 0", eachOf)
    .addOption(duration("--check-every <duration>", "from one check to the next", "2s"))
    .addOption(duration("--linger <duration>", "how long it drains before the command is told to end", "2s"))
    .addOption(duration("--ttl <duration>", "how long others see it when this process dies", "10s"));
  example(
    command,
    "Runs a command, lets it be found as an instance of a service, and takes that back when it ends. On SIGTERM, SIGINT or SIGHUP the instance drains first, so that callers go elsewhere; the signal is handed on after --linger. Exit code: the command's own; 69 if it could not be registered. Without a command the instance is found until Ctrl-C.",
    [
      "quorate services register shop --address 10.0.0.7 --port 8080 --check-tcp 127.0.0.1:8080 -- ./shop --listen :8080",
      "quorate services register db --id db1 --address db1.internal --port 5432 --check-command 'pg_isready -q'",
    ],
  );
  addClientOptions(command).action(async (name: string, words: readonly string[], options: RegisterOptions) => {
    if (words.length > 0 && process.platform === "win32") {
      throw usageError("a command cannot be run here: Windows has no process groups that could be ended as a whole");
    }
    using interrupt = new Interrupt();
    const code = await withQuorate(terminal, command, { ttlMs: options.ttl, signal: interrupt.signal }, (context) =>
      run(context, name, words, options, interrupt),
    ).catch((error: unknown) => {
      if (error instanceof ExitWith) throw error;
      if (interrupt.first !== null) throw new ExitWith(exitCodeOfSignal(interrupt.first));
      throw error;
    });
    throw new ExitWith(code);
  });
}

/** @returns the exit code */
async function run(
  context: LibraryContext,
  name: string,
  words: readonly string[],
  options: RegisterOptions,
  interrupt: Interrupt,
): Promise<number> {
  const { terminal, q } = context;
  const [file, ...args] = words;
  const group = file === undefined ? null : new ProcessGroup([file, ...args], terminal.env);
  await group?.started;
  const ended = group?.ended ?? new Promise<number>(() => undefined);
  try {
    const registering = new AbortController();
    // What has ended already is not to be found any more.
    void ended.then(() => registering.abort());
    const signal = AbortSignal.any([registering.signal, interrupt.signal]);
    const registration = await q.services.register(descriptionOf(name, options), { signal }).catch((error: unknown) => {
      if (registering.signal.aborted || interrupt.first !== null) return null;
      throw error;
    });
    if (registration === null) {
      if (interrupt.first !== null) group?.signal(interrupt.first);
      return group === null ? ExitCode.ok : await ended;
    }
    await using there = registration;
    registration.signal.addEventListener("abort", () => {
      const { reason } = registration.signal;
      if (reason?.code !== "RELEASED") terminal.err(`quorate: it is found no more: ${oneLine(reason)}\n`);
    });
    if (group === null) tell(context, there);
    return await stayAlive(untilOver(there, group, options.linger, interrupt));
  } catch (error) {
    throw new ExitWith(
      error instanceof Error && "code" in error && error.code === "INVALID_ARGUMENT"
        ? ExitCode.usage
        : ExitCode.unavailable,
      `Error: ${oneLine(error)}`,
    );
  } finally {
    if (group !== null) await endRest(group);
  }
}

/** Until the command has ended, or, without one, until a signal comes; then it drains before. */
async function untilOver(
  registration: Registration,
  group: ProcessGroup | null,
  lingerMs: number,
  interrupt: Interrupt,
): Promise<number> {
  const { promise: interrupted, resolve } = Promise.withResolvers<void>();
  if (interrupt.signal.aborted) resolve();
  interrupt.signal.addEventListener("abort", () => resolve(), { once: true });
  const ended = group?.ended ?? new Promise<number>(() => undefined);
  const code = await Promise.race([ended, interrupted]);
  if (typeof code === "number") return code;
  // A store that cannot be reached must not keep the command from ending.
  await registration.drain("stopping", { timeoutMs: GRACE_MS }).catch(() => undefined);
  const { promise: lingered, resolve: go } = Promise.withResolvers<void>();
  const timer = setTimeout(go, lingerMs);
  await Promise.race([lingered, ended]);
  clearTimeout(timer);
  group?.signal(interrupt.first ?? "SIGTERM");
  return group === null ? ExitCode.ok : await ended;
}

async function endRest(group: ProcessGroup): Promise<void> {
  if (group.isGone) return;
  group.signal("SIGTERM");
  if (!(await group.gone(GRACE_MS))) group.signal("SIGKILL");
}

function tell({ print }: LibraryContext, { service, id }: Registration): void {
  print({
    plain: () => byteStringOfText(`${id}\n`),
    table: () => table(["SERVICE", "ID"], [[service, id]]),
    json: () => ({ service, id }),
  });
}

function descriptionOf(service: string, options: RegisterOptions) {
  const { address, port, id, weight, zone, tag: tags, meta: metadata } = options;
  return {
    service,
    address,
    port,
    checks: checksOf(options),
    ...(id === undefined ? {} : { id }),
    ...(weight === undefined ? {} : { weight }),
    ...(zone === undefined ? {} : { zone }),
    ...(tags === undefined ? {} : { tags }),
    ...(metadata === undefined ? {} : { metadata }),
  };
}

function checksOf({
  checkHttp = [],
  checkTcp,
  checkCommand = [],
  checkEvery: everyMs,
}: RegisterOptions): HealthCheck[] {
  return [
    ...checkHttp.map((url) => httpCheck(url, { everyMs })),
    ...(checkTcp === undefined ? [] : [tcpCheck(checkTcp, { everyMs })]),
    ...checkCommand.map((line) => commandCheck(["sh", "-c", line], { everyMs })),
  ];
}

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value > 0)) throw new InvalidArgumentError("It must be a number above 0.");
  return value;
}

function duration(flags: string, description: string, fallback: string): Option {
  return new Option(flags, description)
    .argParser((text: string) => {
      const ms = parseDuration(text);
      if (ms === null || ms > LONGEST_MS)
        throw new InvalidArgumentError("It must be a time up to 24h, such as 2s or 500ms.");
      return ms;
    })
    .default(parseDuration(fallback) ?? 0, fallback);
}
