/**
 * The options every client verb has, before or after the verb, and what they are when not given: a `QUORATE_*`
 * environment variable, else the default.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { ClusterClient } from "./client/client.ts";
import { parseEndpoints } from "./client/endpoints.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { usageError } from "./failure.ts";
import { type Json, stringify } from "./format/json.ts";
import type { Terminal } from "./terminal.ts";

export type OutputFormat = "plain" | "json" | "table";

/** Environment variables of client verbs; `serve` passes over them. */
export const clientVariables: readonly string[] = [
  "QUORATE_ENDPOINTS",
  "QUORATE_WRITE_OUT",
  "QUORATE_DIAL_TIMEOUT",
  "QUORATE_COMMAND_TIMEOUT",
  "QUORATE_HEX",
];

const DEFAULT_ENDPOINTS = "127.0.0.1:2379";

interface ClientOption {
  readonly key: string;
  readonly flags: string;
  readonly description: string;
  readonly variable: string;
  readonly fallback: string;
}

const clientOptions = [
  {
    key: "endpoints",
    flags: "--endpoints <list>",
    description: "members to call, host:port separated by commas",
    variable: "QUORATE_ENDPOINTS",
    fallback: DEFAULT_ENDPOINTS,
  },
  {
    key: "writeOut",
    flags: "-w, --write-out <format>",
    description: "table, json (etcdctl's fields, keys in base64) or plain",
    variable: "QUORATE_WRITE_OUT",
    fallback: "plain",
  },
  {
    key: "dialTimeout",
    flags: "--dial-timeout <duration>",
    description: "how long one endpoint may take to connect",
    variable: "QUORATE_DIAL_TIMEOUT",
    fallback: "2s",
  },
  {
    key: "commandTimeout",
    flags: "--command-timeout <duration>",
    description: "how long one call may take",
    variable: "QUORATE_COMMAND_TIMEOUT",
    fallback: "5s",
  },
] as const satisfies readonly ClientOption[];

type ClientOptionKey = (typeof clientOptions)[number]["key"];

/** Adds the options to a verb, or hidden to the program, so that they may stand before the verb too. */
export function addClientOptions(command: Command, hidden = false): Command {
  for (const { flags, description, variable, fallback } of clientOptions) {
    const option = new Option(flags, `${description} (default: ${fallback}, env: ${variable})`);
    command.addOption(hidden ? option.hideHelp() : option);
  }
  const hex = new Option("--hex", "show keys and values as \\xNN");
  command.addOption(hidden ? hex.hideHelp() : hex);
  return command;
}

/** What a client verb works with. */
export interface ClientContext {
  readonly client: ClusterClient;
  readonly format: OutputFormat;
  readonly hex: boolean;
  readonly terminal: Terminal;
  /** Whether endpoints were named, rather than defaulted. */
  readonly endpointsGiven: boolean;
  /** Prints in the format asked for. Plain output is a byte string. */
  readonly print: (output: {
    readonly plain: () => string;
    readonly table: () => string;
    readonly json: () => Json;
  }) => void;
}

/** Reads the options, runs the verb, and closes the connections whatever happens. */
export async function withClient(
  terminal: Terminal,
  command: Command,
  run: (context: ClientContext) => Promise<void>,
): Promise<void> {
  const endpoints = valueOf(command, terminal, "endpoints");
  const format = formatOf(valueOf(command, terminal, "writeOut"));
  const client = new ClusterClient({
    endpoints: parseEndpoints(endpoints.text, endpoints.source),
    dialTimeoutMs: timeoutOf(valueOf(command, terminal, "dialTimeout")),
    commandTimeoutMs: timeoutOf(valueOf(command, terminal, "commandTimeout")),
  });
  try {
    await run({
      client,
      format,
      hex: isHex(command, terminal),
      terminal,
      endpointsGiven: endpoints.source !== "default",
      print: (output) => {
        switch (format) {
          case "plain":
            terminal.out(Buffer.from(output.plain(), "latin1"));
            break;
          case "table":
            terminal.out(output.table());
            break;
          case "json":
            terminal.out(`${stringify(output.json())}\n`);
            break;
        }
      },
    });
  } finally {
    client.close();
  }
}

interface SourcedText {
  readonly text: string;
  /** What the user would change: `--endpoints`, `QUORATE_ENDPOINTS`, or "default". */
  readonly source: string;
}

function valueOf(command: Command, terminal: Terminal, key: ClientOptionKey): SourcedText {
  const option = clientOptions.find((one) => one.key === key);
  if (option === undefined) throw new Error(`no client option ${key}`);
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const value: unknown = at.getOptionValue(key);
    if (typeof value === "string")
      return { text: value, source: option.flags.split(" ").find((part) => part.startsWith("--")) ?? key };
  }
  const fromEnvironment = terminal.env[option.variable];
  if (fromEnvironment !== undefined && fromEnvironment !== "")
    return { text: fromEnvironment, source: option.variable };
  return { text: option.fallback, source: "default" };
}

function isHex(command: Command, terminal: Terminal): boolean {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    if (at.getOptionValue("hex") === true) return true;
  }
  return terminal.env["QUORATE_HEX"] === "true";
}

function formatOf({ text, source }: SourcedText): OutputFormat {
  // "simple" is etcdctl's word for it.
  if (text === "simple") return "plain";
  if (text === "plain" || text === "json" || text === "table") return text;
  throw usageError(`${source} ${JSON.stringify(text)} is no output format: use table, json or plain`);
}

function timeoutOf({ text, source }: SourcedText): number {
  const ms = parseDuration(text);
  if (ms === null || ms < 1 || ms > MAX_TIMEOUT_MS) {
    throw usageError(
      `${source} ${JSON.stringify(text)} is not a time from 1ms to ${formatDuration(MAX_TIMEOUT_MS)}, such as 5s or 1m30s`,
    );
  }
  return ms;
}

const MAX_TIMEOUT_MS = 86_400_000;

/** For a revision, limit or other whole number on the command line. */
export function wholeNumber(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || !Number.isSafeInteger(value) || value < min) {
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${Number.MAX_SAFE_INTEGER}.`);
    }
    return value;
  };
}

/** For a lease or member id: hexadecimal, as all output shows it. */
export function hexNumber(text: string): bigint {
  if (!/^(?:0x)?[0-9a-f]{1,16}$/i.test(text)) {
    throw new InvalidArgumentError("It must be a hexadecimal id of 1 to 16 digits, as shown in output.");
  }
  return BigInt(`0x${text.replace(/^0x/i, "")}`);
}

/** A lease id, which is signed on the wire. */
export function leaseNumber(text: string): bigint {
  return BigInt.asIntN(64, hexNumber(text));
}
