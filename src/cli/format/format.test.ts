import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { WatchBatch } from "../../store/store.ts";
import type { KeyValue, TxnResult } from "../../wire/kv.ts";
import { headerJson, putJson, rangeJson, stringify, txnJson, watchJson } from "./json.ts";
import { deletePlain, eventPlain, plainDefaults, putPlain, rangePlain, txnPlain } from "./plain.ts";
import { printable, rangeTable, table } from "./table.ts";

const header = {
  clusterId: 14_841_639_068_965_178_418n,
  memberId: 10_276_657_743_932_975_437n,
  revision: 5,
  raftTerm: 2,
};
const foo: KeyValue = { key: "foo", createRevision: 2, modRevision: 5, version: 3, value: "bar\xff", lease: 0n };
const bound: KeyValue = { key: "x", createRevision: 4, modRevision: 4, version: 1, value: "", lease: -1n };

describe("json has etcdctl's fields", () => {
  test("a range, with 64-bit ids as bare digits", () => {
    const result = { kvs: [foo, bound], more: false, count: 2, keysOnly: false };
    assert.equal(
      stringify(rangeJson(headerJson(header), result)),
      '{"header":{"cluster_id":14841639068965178418,"member_id":10276657743932975437,"revision":5,"raft_term":2},' +
        '"kvs":[{"key":"Zm9v","create_revision":2,"mod_revision":5,"version":3,"value":"YmFy/w=="},' +
        '{"key":"eA==","create_revision":4,"mod_revision":4,"version":1,"lease":-1}],"count":2}',
    );
  });

  test("a put with what was before", () => {
    assert.equal(stringify(putJson({ revision: 6 }, { prevKv: null })), '{"header":{"revision":6}}');
    assert.match(stringify(putJson({}, { prevKv: foo })), /^\{"header":\{\},"prev_kv":\{"key":"Zm9v",/);
  });

  test("a transaction with one inside", () => {
    const inner: TxnResult = { succeeded: false, responses: [{ type: "put", revision: 7, result: { prevKv: null } }] };
    const outer: TxnResult = {
      succeeded: true,
      responses: [
        { type: "deleteRange", revision: 7, result: { deleted: 1, prevKvs: [] } },
        { type: "txn", revision: 7, result: inner },
      ],
    };
    assert.equal(
      stringify(txnJson(undefined, outer)),
      '{"succeeded":true,"responses":[{"Response":{"response_delete_range":{"header":{"revision":7},"deleted":1}}},' +
        '{"Response":{"response_txn":{"header":{"revision":7},"responses":[{"Response":{"response_put":{"header":{"revision":7}}}}]}}}]}',
    );
  });

  test("watch events", () => {
    const batch: WatchBatch = {
      revision: 5,
      events: [
        { type: "put", kv: foo, prevKv: null },
        { type: "delete", kv: { ...foo, createRevision: 0, version: 0, value: "" }, prevKv: foo },
      ],
    };
    const text = stringify(watchJson(batch));
    assert.match(text, /^\{"Header":\{"revision":5\},"Events":\[\{"kv":\{"key":"Zm9v"/);
    assert.match(
      text,
      /\{"type":1,"kv":\{"key":"Zm9v","mod_revision":5\},"prev_kv":\{.*"CompactRevision":0,"Canceled":false,"Created":false\}$/,
    );
  });

  test("text is escaped as JSON has it", () => {
    assert.equal(
      stringify({ a: 'x"\n', b: null, c: undefined, d: [1, 2n, true] }),
      '{"a":"x\\"\\n","b":null,"d":[1,2,true]}',
    );
  });
});

describe("plain writes the bytes as they are", () => {
  test("keys and values", () => {
    const result = { kvs: [foo, bound], more: false, count: 9, keysOnly: false };
    assert.equal(rangePlain(result, plainDefaults), "foo\nbar\xff\nx\n\n");
    assert.equal(rangePlain(result, { ...plainDefaults, valuesOnly: true }), "bar\xff\n\n");
    assert.equal(rangePlain(result, { ...plainDefaults, keysOnly: true }), "foo\nx\n");
    assert.equal(rangePlain(result, { ...plainDefaults, countOnly: true }), "9\n");
    assert.equal(
      rangePlain(result, { ...plainDefaults, hex: true }),
      "\\x66\\x6f\\x6f\n\\x62\\x61\\x72\\xff\n\\x78\n\n",
    );
  });

  test("writes, transactions and events", () => {
    assert.equal(putPlain({ prevKv: foo }, plainDefaults), "OK\nfoo\nbar\xff\n");
    assert.equal(deletePlain({ deleted: 2, prevKvs: [bound] }, plainDefaults), "2\nx\n\n");
    const txn: TxnResult = {
      succeeded: false,
      responses: [
        { type: "put", revision: 1, result: { prevKv: null } },
        { type: "range", revision: 1, result: { kvs: [foo], more: false, count: 1, keysOnly: false } },
      ],
    };
    assert.equal(txnPlain(txn, [plainDefaults, { ...plainDefaults, keysOnly: true }]), "FAILURE\n\nOK\n\nfoo\n");
    assert.equal(eventPlain({ type: "delete", kv: bound, prevKv: foo }, plainDefaults), "DELETE\nfoo\nbar\xff\nx\n\n");
  });
});

describe("tables are for a screen", () => {
  test("what would move the cursor or is no text is escaped", () => {
    assert.equal(printable("caf\xc3\xa9"), "café");
    assert.equal(printable("a\x1b[31m\n"), "a\\x1b[31m\\x0a");
    assert.equal(printable("\xff\x00"), "\\xff\\x00");
    // A right-to-left override, which makes text read as something else.
    assert.equal(printable("\xe2\x80\xae"), "\\xe2\\x80\\xae");
  });

  test("a row for each key", () => {
    const text = rangeTable({ kvs: [{ ...bound, value: "v" }], more: false, count: 1, keysOnly: false }, plainDefaults);
    assert.match(text, /│ KEY │ VALUE │ CREATED │ MODIFIED │ VERSION │ LEASE +│/);
    assert.match(text, /│ x +│ v +│ 4 +│ 4 +│ 1 +│ ffffffffffffffff │/);
  });

  test("no colours, so that it can be piped", () => assert.ok(!table(["A"], [["b"]]).includes("\x1b")));
});
