/** The `serve` verb: its flags, and the way from them to a running member. */
import { readFileSync } from "node:fs";
import { type Command, InvalidArgumentError, Option } from "commander";
import { oneLine, usageError } from "../failure.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "../verbs/example.ts";
import { serveConfig } from "./config.ts";
import { CONFIG_FILE_FLAG, type Flag, flags } from "./flags.ts";
import { collectSettings } from "./sources.ts";

export function addServe(program: Command, terminal: Terminal): void {
  const command = program.command("serve").summary("run a member of a cluster").usage("[flags]");
  example(command, "Runs one member of a cluster until SIGTERM or Ctrl-C. Its flags have etcd's names.", [
    "quorate serve --data-dir /var/lib/quorate",
    "quorate serve --name m1 --initial-cluster m1=http://10.0.0.1:2380,m2=http://10.0.0.2:2380,m3=http://10.0.0.3:2380 \\",
    "  --listen-peer-urls http://10.0.0.1:2380 --listen-client-urls http://10.0.0.1:2379",
  ]);
  command.addHelpText(
    "after",
    "\nEach flag is also an environment variable (--data-dir: QUORATE_DATA_DIR) and a line in the config file\n(data-dir: …). A flag wins over the environment, which wins over the file.",
  );
  for (const flag of flags) command.addOption(optionOf(flag));
  command.addOption(
    once(new Option(`--${CONFIG_FILE_FLAG} <path>`, "more settings, as YAML (name: value lines) or JSON")),
  );
  command.addOption(new Option("--report-to-parent").hideHelp());
  // Unknown flags are refused by `collectSettings`, which knows etcd's.
  command.allowUnknownOption().allowExcessArguments();
  command.action(async (options: Readonly<Record<string, string | boolean>>) => {
    const settings = collectSettings({
      flags: givenFlags(command, options),
      env: terminal.env,
      readFile: readConfigFile,
    });
    const config = serveConfig(settings);
    const { raiseHeapLimit } = await import("./heap.ts");
    raiseHeapLimit();
    const { runServe } = await import("./run.ts");
    const { startMember } = await import("../../server/member.ts");
    await runServe(config, { terminal, startMember, reports: options["reportToParent"] === true });
  });
}

function optionOf(flag: Flag): Option {
  const value =
    flag.kind.type === "boolean"
      ? "[boolean]"
      : `<${flag.kind.type === "choice" ? flag.kind.values.join("|") : valueWord(flag)}>`;
  const fallback = flag.fallback === undefined ? "" : ` (default: ${flag.fallback})`;
  return once(new Option(`--${flag.name} ${value}`, `${flag.help}${fallback}`));
}

function valueWord({ kind, name }: Flag): string {
  switch (kind.type) {
    case "integer":
      return kind.unit === "bytes" || kind.unit === "milliseconds" ? kind.unit : "number";
    case "listen":
    case "advertise":
      return "urls";
    case "cluster":
      return "members";
    case "duration":
      return "duration";
    case "retention":
      return "retention";
    default:
      return name === "data-dir" ? "path" : "text";
  }
}

/** A flag given twice is a contradiction, not a correction. */
function once(option: Option): Option {
  return option.argParser((text: string, previous: string | undefined) => {
    if (previous !== undefined) throw new InvalidArgumentError(`It was given before as '${previous}': leave one out.`);
    return text;
  });
}

/** Flags by name as they were written, unknown ones included. */
function givenFlags(command: Command, options: Readonly<Record<string, string | boolean>>): Map<string, string> {
  const given = new Map<string, string>();
  for (const option of command.options) {
    const value = options[option.attributeName()];
    if (value !== undefined && option.hidden !== true) given.set(option.name(), String(value));
  }
  const [word, next] = command.args;
  if (word === undefined) return given;
  const [, name, inline] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
  if (name !== undefined) return new Map([[name, inline ?? (next === undefined || next.startsWith("-") ? "" : next)]]);
  const single = /^-([a-z][a-z-]+)/.exec(word)?.[1];
  if (single !== undefined) throw usageError(`${word} is unknown: flags are written with two dashes, --${single}`);
  throw usageError(`${JSON.stringify(word)} is no flag: write --name value (see quorate serve --help)`);
}

function readConfigFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw usageError(`--${CONFIG_FILE_FLAG} cannot be read: ${oneLine(error)}`);
  }
}
