/**
 * `--config-file`: YAML as etcd's file has it, or JSON, which is YAML too: one `name: value` a setting, a list where a
 * flag takes several values. What is nested is refused with its line: there is nothing it could mean.
 */
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument, Scalar } from "yaml";
import { usageError } from "../failure.ts";

/** A value as a flag's text, and where it stands, for messages. */
export interface FileEntry {
  readonly name: string;
  readonly value: string;
  /** Line in the file, from 1. */
  readonly line: number;
}

/** @throws usageError naming file, line and what to do */
export function parseConfigFile(path: string, text: string): FileEntry[] {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, strict: true });
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const [problem] = [...document.errors, ...document.warnings];
  if (problem !== undefined) {
    const line = lineOf(problem.pos[0]);
    if (problem.code === "DUPLICATE_KEY") {
      throw usageError(`${path}:${line}: ${wordAt(text, problem.pos[0])} is given twice: leave one out`);
    }
    throw usageError(`${path}:${line}: ${problem.message.replace(/\s+/g, " ")}`);
  }
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.value === null)) return [];
  if (!isMap(contents)) throw usageError(`${path}:1: is no list of settings: write name: value lines`);
  const entries: FileEntry[] = [];
  for (const { key, value } of contents.items) {
    if (!isScalar(key)) throw usageError(`${path}: a name must be a plain word`);
    const name = String(key.value);
    const line = lineOf(key.range?.[0] ?? 0);
    const written = textOf(value, `${path}:${line}: ${name}`);
    if (written !== null) entries.push({ name, value: written, line });
  }
  return entries;
}

/** Null: the setting has no value, so that its default counts. */
function textOf(value: Node | null, where: string): string | null {
  if (value === null) return null;
  if (isScalar(value)) return scalarText(value, where);
  if (isSeq(value)) {
    const items = value.items.map((item) => (isScalar(item) ? scalarText(item, where) : null));
    if (items.every((item) => item !== null)) return items.join(",");
  }
  if (isMap(value)) throw usageError(`${where} has settings nested in it, which are not supported: write name: value`);
  throw usageError(`${where} is ${oneLine(value)}: give a string, number, true, false or a list of strings`);
}

/** Plain words are taken as they are written: 1e3 or 0x10 stay what a flag would have been given. */
function scalarText(scalar: Scalar, where: string): string | null {
  if (scalar.value === null) return null;
  if (scalar.type === Scalar.PLAIN && scalar.source !== undefined) return scalar.source;
  if (typeof scalar.value === "string") return scalar.value;
  throw usageError(`${where} is ${oneLine(scalar)}: give a string, number, true, false or a list of strings`);
}

function oneLine(value: Node): string {
  return JSON.stringify(value.toJSON()) ?? String(value);
}

function wordAt(text: string, offset: number): string {
  return /^["']?[\w-]+["']?/.exec(text.slice(offset))?.[0] ?? "a name";
}
