/** `watch`. */
import type { Command } from "commander";
import type { Quorate } from "../../coordination/quorate.ts";
import { byteStringOfText } from "../../wire/byte-string.ts";
import { addClientOptions, wholeNumber, withQuorate } from "../client-options.ts";
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
    const request = {
      ...range,
      startRevision: options.rev ?? 0,
      prevKv: options.prevKv === true,
      without: [],
      progress: options.progressNotify === true,
    };
    await withQuorate(terminal, command, {}, async ({ q, hex, print }) => {
      const display = { ...plainDefaults, hex };
      const watch = q.store.watch(request);
      void tellInterruptions(q, terminal);
      for await (const batch of watch) {
        const isProgress = batch.events.length === 0;
        print({
          plain: () =>
            isProgress
              ? `progress notify: ${batch.revision}\n`
              : batch.events.map((event) => eventPlain(event, display)).join(""),
          table: () =>
            isProgress ? table(["PROGRESS"], [[String(batch.revision)]]) : eventTable(batch.events, display),
          json: () => watchJson(batch),
        });
      }
    });
  });
}

/** The watch goes on by itself; a person wants to know why nothing comes. */
async function tellInterruptions(q: Quorate, terminal: Terminal): Promise<void> {
  let isConnected = true;
  for await (const state of q.status()) {
    if (state.is === "closed") return;
    if (isConnected && state.is !== "connected") {
      const why =
        state.is === "leaderless" ? `${state.endpoint} knows no leader` : (state.error?.message ?? "connecting");
      terminal.err(`watch interrupted, going on: ${why}\n`);
    }
    isConnected = state.is === "connected";
  }
}
