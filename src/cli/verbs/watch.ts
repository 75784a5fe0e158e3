/** `watch`. */
import type { Command } from "commander";
import { byteStringOfText } from "../../wire/byte-string.ts";
import { addClientOptions, wholeNumber, withClient } from "../client-options.ts";
import { watchJson } from "../format/json.ts";
import { eventPlain, plainDefaults } from "../format/plain.ts";
import { eventTable, table } from "../format/table.ts";
import { keyRange } from "../requests.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "./example.ts";

interface WatchOptions {
  readonly prefix?: boolean;
  readonly fromKey?: boolean;
  readonly rev?: number;
  readonly prevKv?: boolean;
  readonly progressNotify?: boolean;
}

export function addWatch(program: Command, terminal: Terminal): void {
  const command = program
    .command("watch")
    .summary("print changes as they happen")
    .argument("<key>", "the key")
    .argument("[range_end]", "up to but without this key")
    .option("--prefix", "all keys that begin with the key")
    .option("--from-key", "all keys from the key on, in byte order")
    .option("--rev <revision>", "from this revision on, the past included", wholeNumber(1))
    .option("--prev-kv", "with what the key was before")
    .option("--progress-notify", "say now and then up to which revision all is told");
  example(
    command,
    "Prints changes until Ctrl-C. When a member is lost it goes on at another, behind what was printed.",
    ["quorate watch greeting", "quorate watch config/ --prefix --rev 100 --prev-kv"],
  );
  addClientOptions(command).action(async (key: string, end: string | undefined, options: WatchOptions) => {
    const range = keyRange(byteStringOfText(key), end === undefined ? undefined : byteStringOfText(end), options);
    await withClient(terminal, command, async ({ client, hex, print }) => {
      const { watchForever } = await import("../watch-loop.ts");
      const display = { ...plainDefaults, hex };
      const settings = {
        ...range,
        startRevision: options.rev ?? 0,
        prevKv: options.prevKv === true,
        progressNotify: options.progressNotify === true,
      };
      await watchForever(client, settings, {
        reply: (response) => {
          const { revision } = response.header;
          const isProgress = response.events.length === 0;
          print({
            plain: () =>
              isProgress
                ? `progress notify: ${revision}\n`
                : response.events.map((event) => eventPlain(event, display)).join(""),
            table: () =>
              isProgress ? table(["PROGRESS"], [[String(revision)]]) : eventTable(response.events, display),
            json: () => watchJson(response),
          });
        },
        interrupted: (reason) => terminal.err(`watch interrupted, going on: ${reason}\n`),
        pause: (delayMs) => new Promise((resolve) => setTimeout(resolve, delayMs)),
      });
    });
  });
}
