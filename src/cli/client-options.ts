/** What a client verb works with: a connection as its options say, output in the format asked for, numbers it is given. */
import { type Command, InvalidArgumentError } from "commander";
import type { Quorate } from "../coordination/quorate.ts";
import { hasCode } from "../kv/wait.ts";
import { ClusterClient } from "./client/client.ts";
import { addClientOptions, connectionOf, formatOf, isOn, type OutputFormat, storeOptions } from "./client-settings.ts";
import { oneLine, usageError } from "./failure.ts";
import { type Json, stringify } from "./format/json.ts";
import type { Terminal } from "./terminal.ts";

export { addClientOptions };

/** One result in each format. Plain output is a byte string. */
export interface Output {
  readonly plain: () => string;
  readonly table: () => string;
  readonly json: () => Json;
}

interface Surroundings {
  readonly format: OutputFormat;
  readonly hex: boolean;
  readonly terminal: Terminal;
  /** Prints in the format asked for. */
  readonly print: (output: Output) => void;
}

/** What a verb that makes single calls works with. */
export interface ClientContext extends Surroundings {
  readonly client: ClusterClient;
  /** Whether endpoints were named, rather than defaulted. */
  readonly endpointsGiven: boolean;
}

/** What a verb that uses the library works with. */
export interface LibraryContext extends Surroundings {
  readonly q: Quorate;
}

/** Reads the options, runs the verb, and closes the connections whatever happens. */
export async function withClient(
  terminal: Terminal,
  command: Command,
  run: (context: ClientContext) => Promise<void>,
): Promise<void> {
  const surroundings = surroundingsOf(terminal, command);
  const connection = connectionOf(command, terminal);
  const client = new ClusterClient(connection);
  try {
    await run({ ...surroundings, client, endpointsGiven: connection.endpointsGiven });
  } finally {
    client.close();
  }
}

/**
 * The same with the whole library.
 * @param options `ttlMs`: of what the verb holds; `signal` gives the connecting up
 */
export async function withQuorate<T>(
  terminal: Terminal,
  command: Command,
  options: { readonly ttlMs?: number; readonly signal?: AbortSignal },
  run: (context: LibraryContext) => Promise<T>,
): Promise<T> {
  const surroundings = surroundingsOf(terminal, command);
  const connection = connectionOf(command, terminal);
  // Loaded with the first use: verbs that make single calls start faster without it.
  const { connect } = await import("../coordination/connect.ts");
  const q = await connect(
    connection.endpoints.map(({ text }) => text),
    {
      ...storeOptions(connection),
      ...(options.ttlMs === undefined ? {} : { sessionTtlMs: options.ttlMs }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    },
  );
  try {
    return await run({ ...surroundings, q });
  } catch (error) {
    // A name or number that the library refuses was given on the command line.
    throw hasCode(error, "INVALID_ARGUMENT") ? usageError(oneLine(error)) : error;
  } finally {
    await q.close();
  }
}

function surroundingsOf(terminal: Terminal, command: Command): Surroundings {
  const format = formatOf(command, terminal);
  return {
    format,
    hex: isOn(command, terminal, "hex"),
    terminal,
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
  };
}

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
