/**
 * `--config-file`: JSON, or the flat YAML that etcd's file is: `name: value` lines, comments, quoted strings, and lists
 * where a flag takes several values. Other YAML (anchors, block scalars, nested maps) is refused with its line.
 */
import { usageError } from "../failure.ts";

/** A value as a flag's text, and where it stands, for messages. */
export interface FileEntry {
  readonly name: string;
  readonly value: string;
  /** Line in the file, from 1; 0 in JSON. */
  readonly line: number;
}

/** @throws usageError naming file, line and what to do */
export function parseConfigFile(path: string, text: string): FileEntry[] {
  const entries = text.trimStart().startsWith("{") ? parseJson(path, text) : parseYaml(path, text);
  const seen = new Set<string>();
  for (const { name, line } of entries) {
    if (seen.has(name)) throw usageError(`${path}${at(line)}: ${name} is given twice: leave one out`);
    seen.add(name);
  }
  return entries;
}

function at(line: number): string {
  return line === 0 ? "" : `:${line}`;
}

function parseJson(path: string, text: string): FileEntry[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw usageError(`${path} begins like JSON, but is not: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (typeof parsed !== "object" || parsed === null) throw usageError(`${path} is no JSON object`);
  return Object.entries(parsed).map(([name, value]) => ({ name, value: jsonText(path, name, value), line: 0 }));
}

function jsonText(path: string, name: string, value: unknown): string {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value.join(",");
  if (typeof value === "string" || typeof value === "number" || typeof value === "boolean") return String(value);
  throw usageError(
    `${path}: ${name} is ${JSON.stringify(value)}: give a string, number, true, false or a list of strings`,
  );
}

const keyLine = /^([A-Za-z0-9][\w-]*)\s*:(?:\s+(.*)|\s*)$/;
const itemLine = /^\s*-\s+(.*)$/;

function parseYaml(path: string, text: string): FileEntry[] {
  const entries: FileEntry[] = [];
  /** The key whose list the following `- item` lines belong to. */
  let open: { readonly name: string; readonly line: number; readonly items: string[] } | null = null;
  const close = (): void => {
    if (open !== null && open.items.length > 0)
      entries.push({ name: open.name, value: open.items.join(","), line: open.line });
    open = null;
  };
  text.split(/\r?\n/).forEach((raw, index) => {
    const line = index + 1;
    const fail = (what: string): never => {
      throw usageError(`${path}:${line} ${JSON.stringify(raw.trim())} ${what}`);
    };
    const content = withoutComment(raw);
    if (content.trim() === "" || content.trim() === "---") return;
    const item = itemLine.exec(content);
    if (item !== null) {
      if (open === null) return fail("is a list item without a name above it: write name: value");
      open.items.push(scalar(item[1] ?? "", fail));
      return;
    }
    if (/^\s/.test(content)) {
      return fail(
        `is indented${open === null ? "" : ` under ${open.name}`}, but nested settings are not supported: write name: value`,
      );
    }
    const [, name = "", value = ""] = keyLine.exec(content) ?? fail("is not name: value");
    close();
    if (value === "") open = { name, line, items: [] };
    else entries.push({ name, value: listOrScalar(value, fail), line });
  });
  close();
  return entries;
}

/** A # begins a comment at the start of a line or behind white space, but not inside quotes. */
function withoutComment(line: string): string {
  let quote = "";
  for (let i = 0; i < line.length; i++) {
    const char = line[i] ?? "";
    const startsWord = i === 0 || /[\s[,]/.test(line[i - 1] ?? "");
    if (quote === "") {
      if (char === "#" && startsWord) return line.slice(0, i).trimEnd();
      if ((char === '"' || char === "'") && startsWord) quote = char;
    } else if (char === "\\" && quote === '"') {
      i++;
    } else if (char === quote) {
      quote = "";
    }
  }
  return line.trimEnd();
}

type Fail = (what: string) => never;

function listOrScalar(value: string, fail: Fail): string {
  if (!value.startsWith("[")) return scalar(value, fail);
  if (!value.endsWith("]")) return fail("is a list without its end on this line: close it with ]");
  const inner = value.slice(1, -1).trim();
  return inner === ""
    ? ""
    : inner
        .split(",")
        .map((item) => scalar(item.trim(), fail))
        .join(",");
}

function scalar(value: string, fail: Fail): string {
  const text = value.trim();
  if (text.startsWith('"')) {
    try {
      return String(JSON.parse(text));
    } catch {
      return fail('has a "…" string that cannot be read: escape " and \\ with a backslash');
    }
  }
  if (text.startsWith("'")) {
    if (!/^'(?:[^']|'')*'$/.test(text)) return fail("has a '…' string that cannot be read: write ' inside it twice");
    return text.slice(1, -1).replaceAll("''", "'");
  }
  if (/^[&*!|>%@`{]/.test(text))
    return fail(`uses ${text.slice(0, 1)}, which is not supported here: put the value in quotes`);
  return text === "null" || text === "~" ? "" : text;
}
