/**
 * How a command reads: a pattern of words with slots, `crash {member}[ keeping {count} write(s)]`.
 *
 *     {member}, {to:member}   a slot of a kind, under a name of its own where a pattern has two
 *     [ ... ]                 may be left out
 *     (s)                     may be left out, too: for plurals
 */
import type { MemberId } from "../../../environment.ts";
import { ScriptError } from "./scenario-file.ts";

/** What fits into a slot of each kind. */
const kinds = {
  /** A member's number. */
  member: String.raw`[1-9]\d*`,
  /** `2, 3` */
  members: String.raw`[1-9]\d*(?:, [1-9]\d*)*`,
  /** A sender or receiver: a member, or any. */
  end: String.raw`[1-9]\d*|\*`,
  count: String.raw`\d+`,
  number: String.raw`-?\d+(?:\.\d+)?`,
  /** `300 ms`, `2.5 s` */
  span: String.raw`\d+(?:\.\d+)? m?s`,
  /** What a proposal, a read, a disk image, or a type of message is called. */
  name: String.raw`[A-Za-z][\w-]*`,
  /** `x, y` */
  names: String.raw`[A-Za-z][\w-]*(?:, [A-Za-z][\w-]*)*`,
  /** The rest of the line. */
  text: ".+",
} as const;
type Kind = keyof typeof kinds;

/** The values a command's slots were filled with. */
export class Slots {
  readonly #values: Readonly<Record<string, string | undefined>>;

  constructor(values: Readonly<Record<string, string | undefined>>) {
    this.#values = values;
  }

  has(slot: string): boolean {
    return this.#values[slot] !== undefined;
  }

  /** The text in a slot; one that was left out is a mistake in the command's table. */
  text(slot: string): string {
    const value = this.#values[slot];
    if (value === undefined) throw new RangeError(`the pattern has no slot ${slot}, or it was left out`);
    return value;
  }

  member(slot = "member"): MemberId {
    return BigInt(this.text(slot));
  }

  members(slot = "members"): MemberId[] {
    return this.text(slot).split(", ").map(BigInt);
  }

  /** Null: any. */
  end(slot: string): MemberId | null {
    return this.text(slot) === "*" ? null : BigInt(this.text(slot));
  }

  number(slot = "count"): number {
    return Number(this.text(slot));
  }

  names(slot = "names"): string[] {
    return this.text(slot).split(", ");
  }

  /** In milliseconds. */
  span(slot = "span"): number {
    const [value, unit] = this.text(slot).split(" ");
    return Number(value) * (unit === "s" ? 1000 : 1);
  }
}

/** @throws RangeError for a pattern with a slot of an unknown kind or two slots of one name. */
export function compilePattern(pattern: string): (line: string) => Slots | null {
  let source = "";
  for (const piece of pattern.split(/(\{[^}]*\}|\[|\]|\(s\))/)) {
    const slot = /^\{(?:(\w+):)?(\w+)\}$/.exec(piece);
    if (slot !== null) {
      const [, name = slot[2] as string, kind = ""] = slot;
      if (!Object.hasOwn(kinds, kind)) throw new RangeError(`unknown kind of slot ${kind} in "${pattern}"`);
      source += `(?<${name}>${kinds[kind as Kind]})`;
    } else if (piece === "[") source += "(?:";
    else if (piece === "]") source += ")?";
    else if (piece === "(s)") source += "s?";
    else source += piece.replace(/[.*+?^$|\\()]/g, String.raw`\$&`);
  }
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`);
  } catch (error) {
    throw new RangeError(`the pattern "${pattern}" cannot be used: ${(error as Error).message}`, { cause: error });
  }
  return (line) => {
    const match = expression.exec(line);
    return match === null ? null : new Slots(match.groups ?? {});
  };
}

/** One thing a script can say. */
export interface Command<Subject> {
  readonly pattern: string;
  /** In one sentence, for the reference in src/consensus/scenarios/README.md. */
  readonly does: string;
  readonly run: (subject: Subject, slots: Slots) => void;
  /** How much of what follows is recorded. Default: everything. */
  readonly detail?: "news" | "nothing";
}

/** Finds what a line says. The first pattern that fits counts. */
export class Commands<Subject> {
  readonly all: readonly Command<Subject>[];
  readonly #compiled: readonly { readonly command: Command<Subject>; readonly match: (line: string) => Slots | null }[];

  constructor(all: readonly Command<Subject>[]) {
    this.all = all;
    this.#compiled = all.map((command) => ({ command, match: compilePattern(command.pattern) }));
  }

  carryOut(subject: Subject, line: string): void {
    const { command, slots } = this.read(line);
    command.run(subject, slots);
  }

  /** @throws ScriptError if no command reads like this, showing those that are nearest. */
  read(line: string): { readonly command: Command<Subject>; readonly slots: Slots } {
    for (const { command, match } of this.#compiled) {
      const slots = match(line);
      if (slots !== null) return { command, slots };
    }
    throw new ScriptError(`no command reads like this: ${line}\n${this.#similar(line)}`);
  }

  #similar(line: string): string {
    const words = new Set(line.split(/\W+/));
    const ranked = this.all.map(({ pattern }) => {
      const fixed = pattern.replace(/\{[^}]*\}/g, " ").match(/\w+/g) ?? [];
      return { pattern, shared: fixed.filter((word) => words.has(word)).length };
    });
    const near = ranked.filter(({ shared }) => shared > 0).sort((a, b) => b.shared - a.shared);
    const shown = (near.length > 0 ? near.slice(0, 6) : ranked).map(({ pattern }) => `    ${pattern}`);
    return `The nearest ones, of those in src/consensus/scenarios/README.md:\n${shown.join("\n")}`;
  }
}
