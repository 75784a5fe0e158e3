/** `counter get|add|set`. */
import { type Command, InvalidArgumentError } from "commander";
import type { Counter } from "../../coordination/counter.ts";
import { addClientOptions, withQuorate } from "../client-options.ts";
import type { JsonObject } from "../format/json.ts";
import { table } from "../format/table.ts";
import type { Terminal } from "../terminal.ts";
import { example } from "./example.ts";

export function addCounter(program: Command, terminal: Terminal): void {
  const counter = program.command("counter").summary("numbers that all share");
  example(counter, "Numbers that all share, of any size. Each add counts exactly once.", [
    "quorate counter add visits",
    "quorate counter get visits",
  ]);

  const get = counter.command("get").summary("what it is now").argument("<name>", "the counter");
  example(get, "Prints what the counter is; 0 before it was ever changed.", ["quorate counter get visits"]);
  addClientOptions(get).action((name: string) => change(terminal, get, name, (it) => it.get()));

  const add = counter
    .command("add")
    .summary("add a number to it")
    .argument("<name>", "the counter")
    .argument("[number]", "what to add (default: 1)", bigNumber);
  example(add, "Adds a number (1 if none is given), once, and prints what the counter is then.", [
    "quorate counter add visits",
    "quorate counter add visits -5",
  ]);
  addClientOptions(add).action((name: string, number: bigint | undefined) =>
    change(terminal, add, name, (it) => it.add(number)),
  );

  const set = counter
    .command("set")
    .summary("set it to a number")
    .argument("<name>", "the counter")
    .argument("<number>", "what it shall be", bigNumber);
  example(set, "Sets the counter to a number, and prints what it was before.", ["quorate counter set visits 0"]);
  addClientOptions(set).action((name: string, number: bigint) =>
    change(terminal, set, name, (it) => it.set(number), { set: number }),
  );
}

/** Whole numbers of any size. */
function bigNumber(text: string): bigint {
  if (!/^[+-]?\d{1,1000}$/.test(text)) throw new InvalidArgumentError("It must be a whole number.");
  return BigInt(text.replace(/^\+/, ""));
}

/** @param more what the JSON says beside the answer, which is then called `previous` */
function change(
  terminal: Terminal,
  command: Command,
  name: string,
  run: (counter: Counter) => Promise<bigint>,
  more?: { readonly set: bigint },
): Promise<void> {
  return withQuorate(terminal, command, {}, async ({ q, print }) => {
    const answer = await run(q.counter(name));
    const json: JsonObject = more === undefined ? { value: answer } : { value: more.set, previous: answer };
    print({
      plain: () => `${answer}\n`,
      table: () => table(["NAME", more === undefined ? "VALUE" : "PREVIOUS"], [[name, String(answer)]]),
      json: () => ({ name, ...json }),
    });
  });
}
