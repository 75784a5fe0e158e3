import assert from "node:assert/strict";
import test from "node:test";
import fc from "fast-check";
import { splitWords, unquoteGo } from "./go-quote.ts";

test("Go's escapes give bytes", () => {
  const cases: readonly (readonly [string, string])[] = [
    ['""', ""],
    ['"plain"', "plain"],
    ['"a\\tb\\n\\\\\\""', 'a\tb\n\\"'],
    ['"\\x00\\xff"', "\x00\xff"],
    ['"\\101\\377"', "A\xff"],
    ['"é"', "\xc3\xa9"],
    ['"\\u00e9\\U0001F600"', "\xc3\xa9\xf0\x9f\x98\x80"],
    ["`raw \\n`", "raw \\n"],
  ];
  for (const [literal, bytes] of cases) assert.equal(unquoteGo(literal), bytes, literal);
});

test("an escape that Go does not have is refused", () => {
  for (const literal of ['"\\q"', '"\\x1"', '"\\\'"', '"\\ud800"', '"\\U00110000"']) {
    assert.throws(() => unquoteGo(literal), { code: "USAGE", message: /is no escape/ }, literal);
  }
});

test("words and their quotes", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["put k v", ["put", "k", "v"]],
    ["  put   k\tv  ", ["put", "k", "v"]],
    [`put "a b" 'c "d" \\n'`, ["put", "a b", 'c "d" \\n']],
    ['put k ""', ["put", "k", ""]],
    ['put k it"s', ["put", "k", 'it"s']],
    ["put k é", ["put", "k", "\xc3\xa9"]],
    ["", []],
  ];
  for (const [line, words] of cases) assert.deepEqual(splitWords(line), words, line);
  assert.throws(() => splitWords('put k "open'), { code: "USAGE", message: /"\\"open" has no end/ });
  assert.throws(() => splitWords("put k 'open"), /has no end/);
});

test("any words come back from JSON's quotes, which Go shares", () => {
  const word = fc.string({ unit: fc.constantFrom(..."ab \t\n\"'\\".split("")) });
  fc.assert(
    fc.property(fc.array(word), (words) => {
      assert.deepEqual(splitWords(words.map((one) => JSON.stringify(one)).join(" ")), words);
    }),
  );
});
