/**
 * A page of documentation that shows whole programs of examples/, each with what it prints:
 *
 *     … [examples/mutex.ts](../../examples/mutex.ts) …
 *
 *     ```ts        the file's text
 *     ```text      what it printed when it was recorded; a program that needs a framework has none
 */
import { readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root: string = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

export interface Shown {
  /** `examples/mutex.ts` */
  readonly file: string;
  readonly program: Block;
  readonly output: Block | null;
}

/** What stands between two fences, and where. */
export interface Block {
  readonly text: string;
  readonly from: number;
  readonly to: number;
}

/** @param path of a Markdown file, relative to the project */
export function programsOn(path: string, page: string = readFileSync(join(root, path), "utf8")): readonly Shown[] {
  const links = [...page.matchAll(/\]\(((?:\.\.\/)*examples\/[^)]+\.ts)\)/g)];
  return links.map((link, at) => {
    const file = relative(root, join(root, dirname(path), link[1] ?? ""));
    const end = links[at + 1]?.index ?? page.length;
    const program = block(page, "ts", link.index, end);
    if (program === null) throw new Error(`${path}: the link to ${file} is not followed by its text`);
    return { file, program, output: block(page, "text", program.to, end) };
  });
}

/** Puts another text between the fences of a block. */
export function withBlock(page: string, { from, to }: Block, text: string): string {
  return page.slice(0, from) + text + page.slice(to);
}

function block(page: string, language: string, from: number, end: number): Block | null {
  const fence = `\n\`\`\`${language}\n`;
  const begin = page.indexOf(fence, from);
  if (begin < 0 || begin >= end) return null;
  const start = begin + fence.length;
  const closing = page.indexOf("```", start);
  return { text: page.slice(start, closing), from: start, to: closing };
}
