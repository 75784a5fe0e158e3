import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parseConfigFile } from "./config-file.ts";

function read(text: string): Record<string, string> {
  return Object.fromEntries(parseConfigFile("q.yaml", text).map(({ name, value }) => [name, value]));
}

test("flat YAML as etcd's file has it", () => {
  const text = `---
# a member
name: 'it''s m1'   # with a comment
data-dir: "/var/lib/q # not a comment"
listen-client-urls: http://127.0.0.1:2379,http://[::1]:2379
initial-cluster:
  - m1=http://127.0.0.1:2380
  - "m2=http://127.0.0.2:2380"
listen-metrics-urls: [ http://127.0.0.1:1, 'http://127.0.0.1:2' ]
pre-vote: true
snapshot-count: 1000
log-level:

auto-compaction-retention: "5m"
`;
  assert.deepEqual(read(text), {
    name: "it's m1",
    "data-dir": "/var/lib/q # not a comment",
    "listen-client-urls": "http://127.0.0.1:2379,http://[::1]:2379",
    "initial-cluster": "m1=http://127.0.0.1:2380,m2=http://127.0.0.2:2380",
    "listen-metrics-urls": "http://127.0.0.1:1,http://127.0.0.1:2",
    "pre-vote": "true",
    "snapshot-count": "1000",
    "auto-compaction-retention": "5m",
  });
  assert.equal(parseConfigFile("q.yaml", text)[3]?.line, 6);
});

test("JSON, with lists and numbers", () => {
  assert.deepEqual(read(' {"name": "m1", "snapshot-count": 10, "pre-vote": true, "initial-cluster": ["a=b", "c=d"]}'), {
    name: "m1",
    "snapshot-count": "10",
    "pre-vote": "true",
    "initial-cluster": "a=b,c=d",
  });
  assert.deepEqual(read("{}"), {});
  assert.deepEqual(read(""), {});
});

describe("what cannot be read is refused with its line", () => {
  const cases: readonly (readonly [string, string, RegExp])[] = [
    ["no colon", "name m1", /^q\.yaml:1 "name m1" is not name: value$/],
    ["nested", "a: 1\npeer:\n  cert-file: x", /^q\.yaml:3 .* is indented under peer, but nested settings/],
    ["indented", "  name: x", /^q\.yaml:1 .* is indented, but/],
    ["item without a name", "- x", /^q\.yaml:1 "- x" is a list item without a name/],
    ["twice", "name: a\nname: b", /^q\.yaml:2: name is given twice/],
    ["anchor", "name: &x y", /uses &, which is not supported here/],
    ["block", "name: |\n  y", /uses \|/],
    ["open list", "name: [a,", /is a list without its end/],
    ["open quote", 'name: "a', /cannot be read/],
    ["bad quote", "name: 'a'b'", /cannot be read/],
    ["broken JSON", "{", /^q\.yaml begins like JSON, but is not/],
    ["nested JSON", '{"a": {"b": 1}}', /^q\.yaml: a is \{"b":1\}/],
    ["null in JSON", '{"a": null}', /a is null/],
  ];
  for (const [name, text, message] of cases) {
    test(name, () => assert.throws(() => read(text), { code: "USAGE", message }));
  }
});

test("any string comes back from quotes, and any text is read or refused", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.equal(read(`name: ${JSON.stringify(value)} # comment`)["name"], value);
      if (!/[\r\n]/.test(value)) assert.equal(read(`name: '${value.replaceAll("'", "''")}'`)["name"], value);
    }),
  );
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."a:-'\"[]{},# \n".split("")) }), (text) => {
      try {
        parseConfigFile("q.yaml", text);
      } catch (error) {
        assert.equal((error as { code?: string }).code, "USAGE");
      }
    }),
  );
});
