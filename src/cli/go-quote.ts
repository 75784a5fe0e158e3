/** Go's string literals, as etcdctl reads them, and its way of cutting a line into words. */
import { byteStringOfText } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { usageError } from "./failure.ts";

const simpleEscapes: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  '"': '"',
};

const escape = /\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.)|$)/gs;

/**
 * The bytes a literal stands for: "…" with escapes, or `…` as it is. `\xNN` and `\NNN` are bytes, `\u` and `\U` are
 * characters in UTF-8.
 * @throws usageError naming the escape that does not exist
 */
export function unquoteGo(literal: string): ByteString {
  const inner = literal.slice(1, -1);
  if (literal.startsWith("`")) return byteStringOfText(inner);
  let bytes = "";
  let from = 0;
  for (const match of inner.matchAll(escape)) {
    bytes += byteStringOfText(inner.slice(from, match.index));
    bytes += escaped(match);
    from = match.index + match[0].length;
  }
  return bytes + byteStringOfText(inner.slice(from));
}

function escaped([whole, hex, octal, unicode4, unicode8, simple]: RegExpExecArray): ByteString {
  if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16));
  if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
  const unicode = unicode4 ?? unicode8;
  if (unicode !== undefined) {
    const point = Number.parseInt(unicode, 16);
    if (point <= 0x10ffff && (point < 0xd800 || point > 0xdfff)) return byteStringOfText(String.fromCodePoint(point));
  } else if (simple !== undefined) {
    const char = simpleEscapes[simple];
    if (char !== undefined) return char;
  }
  throw usageError(
    `${JSON.stringify(whole)} is no escape in a quoted string: use \\n, \\t, \\", \\\\, \\xNN, \\NNN or \\uNNNN`,
  );
}

/**
 * Words parted by white space. A word that begins with " is a Go string, one that begins with ' is raw; quotes inside a
 * word are part of it.
 * @throws usageError on a quote without its end
 */
export function splitWords(line: string): ByteString[] {
  const words: ByteString[] = [];
  const word = /\s*(?:("(?:[^"\\]|\\.)*")|'([^']*)'|([^'"\s]\S*))/sy;
  const end = line.trimEnd().length;
  while (word.lastIndex < end) {
    const from = word.lastIndex;
    const match = word.exec(line);
    if (match === null) throw usageError(`the quote in ${JSON.stringify(line.slice(from).trim())} has no end`);
    const [, double, single, bare] = match;
    words.push(double === undefined ? byteStringOfText(single ?? bare ?? "") : unquoteGo(double));
  }
  return words;
}
