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
    ["no colon", "name m1", /^q\.yaml:1: is no list of settings: write name: value lines$/],
    ["nested", "a: 1\npeer:\n  cert-file: x", /^q\.yaml:2: peer has settings nested in it, which are not supported/],
    ["item without a name", "- x", /^q\.yaml:1: is no list of settings/],
    ["twice", "name: a\nname: b", /^q\.yaml:2: name is given twice/],
    ["alias", "name: *x", /^q\.yaml:1: name is .*: give a string/],
    ["unknown tag", "name: !x y", /^q\.yaml:1: .*tag/],
    ["open list", "name: [a,", /^q\.yaml:\d: Flow sequence/],
    ["open quote", 'name: "a', /^q\.yaml:1: Missing closing "quote/],
    ["bad quote", "name: 'a'b'", /^q\.yaml:1: /],
    ["broken JSON", "{", /^q\.yaml:1: Flow map/],
    ["nested JSON", '{"a": {"b": 1}}', /^q\.yaml:1: a has settings nested/],
    ["a list of lists", "a: [[b]]", /^q\.yaml:1: a is \[\["b"\]\]/],
  ];
  for (const [name, text, message] of cases) {
    test(name, () => assert.throws(() => read(text), { code: "USAGE", message }));
  }
});

test("any string comes back from quotes, and any text is read or refused", () => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      assert.equal(read(`name: ${JSON.stringify(value)} # comment`)["name"], value);
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
