import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { memberOptions, withOptionNames } from "./options.ts";

const three = ["a", "b", "c"].map((name, at) => ({ name, peerUrls: [`http://10.0.0.${at + 1}:2380`] }));

describe("what is taken where nothing is said", () => {
  test("a member that is alone listens nowhere, and its data is beside the program", () => {
    const { dataDir, logger, ...others } = memberOptions({});
    assert.equal(dataDir, join(process.cwd(), "data"));
    assert.equal(logger, undefined);
    assert.deepEqual(others, {
      name: "default",
      listenClientUrls: [],
      advertiseClientUrls: [],
      listenPeerUrls: [],
      initialAdvertisePeerUrls: [],
      initialCluster: [{ name: "default", peerUrls: [] }],
      initialClusterState: "new",
      initialClusterToken: "quorate-cluster",
    });
  });

  test("one of several finds its URLs in the list of all", () => {
    const options = memberOptions({ name: "b", initialCluster: three, listenClientUrls: ["http://10.0.0.2:2379"] });
    assert.deepEqual(options.listenPeerUrls, ["http://10.0.0.2:2380"]);
    assert.deepEqual(options.initialAdvertisePeerUrls, ["http://10.0.0.2:2380"]);
    assert.deepEqual(options.advertiseClientUrls, ["http://10.0.0.2:2379"]);
    const behind = memberOptions({ name: "b", initialCluster: three, listenPeerUrls: ["http://0.0.0.0:2380"] });
    assert.deepEqual(behind.listenPeerUrls, ["http://0.0.0.0:2380"]);
    assert.deepEqual(behind.initialAdvertisePeerUrls, ["http://10.0.0.2:2380"]);
  });
});

test("what a member says of flags is said of options, and commands stay as they are", () => {
  const said =
    "--engine is paxos; start it with --initial-cluster-state existing, or run: quorate member add a --peer-urls=u";
  assert.equal(
    withOptionNames(said),
    "engine is paxos; start it with initialClusterState existing, or run: quorate member add a --peer-urls=u",
  );
});

describe("what cannot be used is refused by its name", () => {
  const cases: readonly (readonly [string, Readonly<Record<string, unknown>>, RegExp])[] = [
    ["an option that there is not", { datadir: "x" }, /^datadir is no option/],
    ["an empty directory", { dataDir: "" }, /^dataDir is "": give a text$/],
    ["a name that a list could not hold", { name: "a=b" }, /^name is "a=b": give a text without/],
    ["no list of URLs", { listenClientUrls: "http://a:1" }, /^listenClientUrls is "http:\/\/a:1": give a list/],
    ["no URL", { listenPeerUrls: ["10.0.0.1:2380"] }, /^listenPeerUrls is .*"10.0.0.1:2380" is no URL/],
    ["TLS", { listenClientUrls: ["https://a:1"] }, /^listenClientUrls is .*http:\/\/host:port/],
    ["a place that others cannot go to", { listenPeerUrls: ["http://0.0.0.0:1"] }, /^initialAdvertisePeerUrls has "h/],
    ["a port to be chosen", { listenClientUrls: ["http://a:0"] }, /^advertiseClientUrls has "http:\/\/a:0"/],
    ["no members", { initialCluster: [] }, /^initialCluster is \[\]: give a list of members/],
    ["a member without URLs", { name: "a", initialCluster: [{ name: "a" }] }, /^initialCluster is .*no member/],
    ["one URL for two", { initialCluster: [three[0], { ...three[0], name: "z" }] }, /2380 is there twice/],
    ["nobody's name", { initialCluster: three }, /^name is missing: say which of a, b, c/],
    ["a name of another list", { name: "z", initialCluster: three }, /^name is "z", but initialCluster names a, b, c/],
    [
      "URLs that differ",
      { name: "a", initialCluster: three, initialAdvertisePeerUrls: ["http://a:1"] },
      /^initialAdvertisePeerUrls is http:\/\/a:1, but initialCluster has a at http:\/\/10/,
    ],
    ["joining nobody", { initialClusterState: "existing" }, /^initialClusterState is "existing": name the members/],
    ["a state", { initialClusterState: "old" }, /^initialClusterState is "old": use new or existing$/],
    ["an engine", { engine: "chubby" }, /^engine is "chubby": use raft or paxos or zab$/],
    ["a part of a millisecond", { heartbeatMs: 10.5 }, /^heartbeatMs is 10.5: give a whole number from 10 to 10000$/],
    ["too many", { maxTxnOps: 10_001 }, /^maxTxnOps is 10001/],
    ["times that contradict each other", { electionMs: 400 }, /^electionMs is 400, less than 5 times heartbeatMs, 100/],
    ["a word for a switch", { leaseReads: "yes" }, /^leaseReads is "yes": give true or false$/],
    ["a compaction", { autoCompaction: { mode: "periodic" } }, /^autoCompaction is .*retentionMs: give a whole number/],
    ["half a logger", { logger: { info() {} } }, /^logger is .* no debug, warn, error/],
    ["what cannot be shown", { name: 1n }, /^name is 1: give a text/],
  ];
  for (const [what, options, message] of cases) {
    test(what, () => assert.throws(() => memberOptions(options), { code: "INVALID_ARGUMENT", message }));
  }
});
