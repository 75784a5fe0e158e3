/**
 * What every client verb can be told: as an option before or after the verb, else as a `QUORATE_*` environment variable,
 * else the default.
 */
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";
import { type Command, Option } from "commander";
import type { ConnectStoreOptions } from "../store/connect-store.ts";
import type { TlsOptions } from "../store/grpc/options.ts";
import type { UserCredentials } from "../store/remote/options.ts";
import { type Endpoint, parseEndpoints } from "./client/endpoints.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { oneLine, usageError } from "./failure.ts";
import type { Terminal } from "./terminal.ts";

export type OutputFormat = "plain" | "json" | "table";

interface ClientOption {
  readonly key: string;
  readonly flags: string;
  readonly description: string;
  readonly variable: string;
  /** Undefined: without it there is none. */
  readonly fallback?: string;
}

const clientOptions = [
  {
    key: "endpoints",
    flags: "--endpoints <list>",
    description: "members to call, host:port separated by commas; https:// with TLS",
    variable: "QUORATE_ENDPOINTS",
    fallback: "127.0.0.1:2379",
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
  {
    key: "cacert",
    flags: "--cacert <file>",
    description: "trust servers with certificates of this authority (PEM)",
    variable: "QUORATE_CACERT",
  },
  {
    key: "cert",
    flags: "--cert <file>",
    description: "the client's own certificate (PEM)",
    variable: "QUORATE_CERT",
  },
  { key: "key", flags: "--key <file>", description: "its private key (PEM)", variable: "QUORATE_KEY" },
  {
    key: "user",
    flags: "--user <name[:password]>",
    description: "who calls, where the cluster asks",
    variable: "QUORATE_USER",
  },
  {
    key: "password",
    flags: "--password <password>",
    description: "the user's; in the environment others on this machine cannot read it",
    variable: "QUORATE_PASSWORD",
  },
] as const satisfies readonly ClientOption[];

const clientSwitches = [
  {
    key: "insecureSkipTlsVerify",
    flags: "--insecure-skip-tls-verify",
    description: "take any server's certificate: whoever sits between can read and change everything",
    variable: "QUORATE_INSECURE_SKIP_TLS_VERIFY",
  },
  { key: "hex", flags: "--hex", description: "show keys and values as \\xNN", variable: "QUORATE_HEX" },
] as const satisfies readonly (ClientOption & { readonly key: ClientSwitchKey })[];

type ClientOptionKey = (typeof clientOptions)[number]["key"];
type ClientSwitchKey = "insecureSkipTlsVerify" | "hex";

/** Environment variables of client verbs, and those that they set for commands they run; `serve` passes over them. */
export const clientVariables: readonly string[] = [...clientOptions, ...clientSwitches]
  .map(({ variable }): string => variable)
  .concat("QUORATE_FENCE", "QUORATE_LOCK_NAME", "QUORATE_LOCK_KEY", "QUORATE_LEASE");

/** Adds the options to a verb, or hidden to the program, so that they may stand before the verb too. */
export function addClientOptions(command: Command, hidden = false): Command {
  const add = ({ flags, description, variable, fallback }: ClientOption, isSwitch: boolean): void => {
    const otherwise = fallback === undefined ? "" : `default: ${fallback}, `;
    const option = new Option(flags, `${description} (${otherwise}env: ${variable}${isSwitch ? "=true" : ""})`);
    command.addOption(hidden ? option.hideHelp() : option);
  };
  for (const option of clientOptions) add(option, false);
  for (const option of clientSwitches) add(option, true);
  return command;
}

/** How a cluster is reached, as it was asked for. */
export interface Connection {
  readonly endpoints: readonly Endpoint[];
  /** Whether endpoints were named, rather than defaulted. */
  readonly endpointsGiven: boolean;
  readonly dialTimeoutMs: number;
  readonly commandTimeoutMs: number;
  /** Null: none is asked for, so that only `https://` is encrypted. */
  readonly tls: TlsOptions | null;
  readonly user: UserCredentials | null;
}

/** @throws QuorateError USAGE naming the setting that cannot be used */
export function connectionOf(command: Command, terminal: Terminal): Connection {
  const endpoints = valueOf(command, terminal, "endpoints");
  const tls = tlsOf(command, terminal);
  const read = parseEndpoints(endpoints.text, endpoints.source);
  const plain = read.find(({ scheme }) => scheme === "http");
  if (tls !== null && plain !== undefined) {
    throw usageError(
      `${endpoints.source} ${JSON.stringify(plain.text)} is not encrypted, but TLS is asked for: use https://, or leave --cacert, --cert and --insecure-skip-tls-verify out`,
    );
  }
  return {
    endpoints: read,
    endpointsGiven: endpoints.source !== "default",
    dialTimeoutMs: timeoutOf(valueOf(command, terminal, "dialTimeout")),
    commandTimeoutMs: timeoutOf(valueOf(command, terminal, "commandTimeout")),
    tls,
    user: userOf(command, terminal),
  };
}

/** The same for the library. */
export function storeOptions({ dialTimeoutMs, commandTimeoutMs, tls, user }: Connection): ConnectStoreOptions {
  return {
    dialTimeoutMs,
    timeoutMs: commandTimeoutMs,
    connectTimeoutMs: commandTimeoutMs,
    ...(tls === null ? {} : { tls }),
    ...(user === null ? {} : { user }),
  };
}

export function formatOf(command: Command, terminal: Terminal): OutputFormat {
  const { text, source } = valueOf(command, terminal, "writeOut");
  // "simple" is etcdctl's word for it.
  if (text === "simple") return "plain";
  if (text === "plain" || text === "json" || text === "table") return text;
  throw usageError(`${source} ${JSON.stringify(text)} is no output format: use table, json or plain`);
}

export function isOn(command: Command, terminal: Terminal, key: ClientSwitchKey): boolean {
  for (let at: Command | null = command; at !== null; at = at.parent) {
    if (at.getOptionValue(key) === true) return true;
  }
  const variable = clientSwitches.find((one) => one.key === key)?.variable ?? "";
  return terminal.env[variable] === "true";
}

interface SourcedText {
  readonly text: string;
  /** What the user would change: `--endpoints`, `QUORATE_ENDPOINTS`, or "default". */
  readonly source: string;
}

function valueOf(command: Command, terminal: Terminal, key: ClientOptionKey): SourcedText {
  const given = givenValue(command, terminal, key);
  const option: ClientOption | undefined = clientOptions.find((one) => one.key === key);
  return given ?? { text: option?.fallback ?? "", source: "default" };
}

/** Null: neither on the command line nor in the environment; an empty variable counts as not set. */
function givenValue(command: Command, terminal: Terminal, key: ClientOptionKey): SourcedText | null {
  const option = clientOptions.find((one) => one.key === key);
  if (option === undefined) throw new Error(`no client option ${key}`);
  for (let at: Command | null = command; at !== null; at = at.parent) {
    const value: unknown = at.getOptionValue(key);
    if (typeof value === "string")
      return { text: value, source: option.flags.split(" ").find((part) => part.startsWith("--")) ?? key };
  }
  const fromEnvironment = terminal.env[option.variable];
  return fromEnvironment === undefined || fromEnvironment === ""
    ? null
    : { text: fromEnvironment, source: option.variable };
}

function tlsOf(command: Command, terminal: Terminal): TlsOptions | null {
  const [ca, cert, key] = (["cacert", "cert", "key"] as const).map((name) => givenValue(command, terminal, name));
  const insecureSkipVerify = isOn(command, terminal, "insecureSkipTlsVerify");
  if ((cert === null) !== (key === null)) {
    const [has, lacks] = cert === null ? ["--key", "--cert"] : ["--cert", "--key"];
    throw usageError(`${has} is given without ${lacks}: give both, or none`);
  }
  if (insecureSkipVerify && ca) {
    throw usageError(`${ca.source} and --insecure-skip-tls-verify contradict each other: give one of them`);
  }
  if (!(ca || cert || insecureSkipVerify)) return null;
  const pems = {
    ...(ca ? { ca: pemFile(ca) } : {}),
    ...(cert ? { cert: pemFile(cert) } : {}),
    ...(key ? { key: pemFile(key) } : {}),
  };
  try {
    createSecureContext(pems);
  } catch (error) {
    const files = [ca, cert, key].flatMap((one) => (one ? [`${one.source} ${JSON.stringify(one.text)}`] : []));
    throw usageError(`${files.join(", ")} cannot be used: ${oneLine(error)}`);
  }
  return { ...pems, ...(insecureSkipVerify ? { insecureSkipVerify } : {}) };
}

function pemFile({ text, source }: SourcedText): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(text);
  } catch (error) {
    throw usageError(`${source}: ${oneLine(error)}`);
  }
  if (!bytes.includes("-----BEGIN ")) {
    throw usageError(`${source} ${JSON.stringify(text)} is no PEM file: convert it, as with openssl x509 -inform der`);
  }
  return bytes;
}

function userOf(command: Command, terminal: Terminal): UserCredentials | null {
  const user = givenValue(command, terminal, "user");
  const password = givenValue(command, terminal, "password");
  if (user === null) {
    if (password !== null) throw usageError(`${password.source} is given without --user: give both`);
    return null;
  }
  const colon = user.text.indexOf(":");
  const name = colon === -1 ? user.text : user.text.slice(0, colon);
  if (name === "") throw usageError(`${user.source} has no name: give name:password`);
  // The password in the environment may be meant for another user than the one named here.
  if (colon !== -1) return { name, password: user.text.slice(colon + 1) };
  if (password === null) {
    throw usageError(
      `${user.source} ${JSON.stringify(name)} has no password: give name:password, --password or QUORATE_PASSWORD`,
    );
  }
  return { name, password: password.text };
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
