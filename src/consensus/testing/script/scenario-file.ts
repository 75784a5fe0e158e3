/**
 * A named scenario as a text file: a head in comments that says what it is about, then steps, and under each step what
 * the engines did, as recorded.
 *
 *     # Title
 *     #
 *     # scenario 2, 5
 *     # source   where it was first seen; may go on
 *     #          in further lines
 *     #
 *     # What goes wrong in a wrong implementation, in prose.
 *
 *     cluster 3 voters
 *     # A comment belongs to the story.
 *     elect 1
 *     > 1: leader in epoch 2, log to 2, commit 2
 */

/** One command, with what was recorded when it ran. */
export interface Step {
  readonly kind: "step";
  /** From 1. */
  readonly line: number;
  readonly text: string;
  /** The golden lines, without their `> `. */
  readonly output: readonly string[];
}

/** An empty line or a comment. */
export interface Prose {
  readonly kind: "prose";
  readonly text: string;
}

export interface Scenario {
  readonly title: string;
  /** Numbers in the table of known failures, docs/internals/scenarios.md. */
  readonly numbers: readonly number[];
  readonly source: string;
  /** What goes wrong in a wrong implementation. */
  readonly why: string;
  /** The whole file, head included, in order. */
  readonly parts: readonly (Step | Prose)[];
}

/** A scenario file that cannot be read, or a step that cannot be carried out: names the line and what to do. */
export class ScriptError extends Error {
  override readonly name = "ScriptError";
}

/** @throws ScriptError naming the line that does not fit. */
export function parseScenario(text: string): Scenario {
  const parts: (Step | Prose)[] = [];
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  for (let i = 0; i < lines.length; i++) {
    const line = (lines[i] as string).trimEnd();
    if (line === "" || line.startsWith("#")) {
      parts.push({ kind: "prose", text: line });
    } else if (line.startsWith(">")) {
      throw new ScriptError(`line ${i + 1}: recorded output without a step right above it: ${line}`);
    } else {
      const output: string[] = [];
      const at = i;
      while (lines[i + 1]?.startsWith(">") === true) output.push((lines[++i] as string).slice(1).trim());
      parts.push({ kind: "step", line: at + 1, text: line.trim(), output });
    }
  }
  return { ...parseHead(parts), parts };
}

function parseHead(parts: readonly (Step | Prose)[]): Omit<Scenario, "parts"> {
  const end = parts.findIndex((part) => part.kind === "step" || part.text === "");
  const head = parts.slice(0, end < 0 ? parts.length : end).map((part) => part.text.replace(/^#\s?/, ""));
  const [title = "", ...rest] = head;
  if (title === "") throw new ScriptError("line 1: a scenario begins with its title in a comment: # Title");
  const numbersLine = rest.find((line) => /^scenario\s/.test(line));
  if (numbersLine === undefined || !/^scenario\s+\d+(, \d+)*$/.test(numbersLine)) {
    throw new ScriptError(`"${title}": the head must have a line "# scenario 2, 5" with the scenario's numbers`);
  }
  const sourceAt = rest.findIndex((line) => /^source\s/.test(line));
  if (sourceAt < 0) throw new ScriptError(`"${title}": the head must have a line "# source ..."`);
  const source = [(rest[sourceAt] as string).replace(/^source\s+/, "")];
  let at = sourceAt + 1;
  while (rest[at]?.startsWith(" ") === true) source.push((rest[at++] as string).trim());
  const why = rest.slice(at).join("\n").trim();
  if (why === "") {
    throw new ScriptError(`"${title}": after the source, the head must say what goes wrong in a wrong implementation`);
  }
  const numbers = (numbersLine.match(/\d+/g) ?? []).map(Number);
  return { title, numbers, source: source.join(" "), why };
}

/** The file's text with other recorded lines: `outputOf` gives those of each step. */
export function formatScenario(scenario: Scenario, outputOf: (step: Step) => readonly string[]): string {
  const lines: string[] = [];
  for (const part of scenario.parts) {
    lines.push(part.text);
    if (part.kind === "step") for (const line of outputOf(part)) lines.push(`> ${line}`);
  }
  return `${lines.join("\n")}\n`;
}
