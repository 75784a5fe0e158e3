import assert from "node:assert/strict";
import { test } from "node:test";
import type { Peer, Transport } from "../transport/transport.ts";
import { benchClock } from "../virtual/testing/bench-clock.ts";
import type { Timeline } from "../virtual/timeline.ts";
import type { ClusterDescription } from "./bootstrap.ts";
import { Introductions } from "./introductions.ts";

const self = { clusterId: 99n, memberId: 3n };

function description(clusterId: bigint, ids: readonly bigint[]): ClusterDescription {
  const members = ids.map((id) => ({
    id,
    name: "",
    peerUrls: [`http://10.0.0.${id}:2380`],
    clientUrls: [],
    isLearner: false,
  }));
  return { clusterId, engine: "raft", members, removed: [] };
}

function peer(id: bigint): Peer {
  return { id, addresses: [{ host: `10.0.0.${id}`, port: 2380 }] };
}

/** Introductions over a transport that only remembers whom it is to link to. */
function stage(): {
  timeline: Timeline;
  introductions: Introductions;
  links: () => bigint[];
  answer: { with: readonly ClusterDescription[] | Error; asked: number; named: boolean };
} {
  const { clock, timeline } = benchClock();
  const answer = { with: [] as readonly ClusterDescription[] | Error, asked: 0, named: false };
  let peers: readonly Peer[] = [];
  const transport: Transport = {
    send: () => true,
    flush() {},
    setPeers(given) {
      peers = given;
    },
    link: () => null,
    close: async () => {},
  };
  const introductions = new Introductions({
    transport,
    identity: self,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ask: async () => {
      answer.asked++;
      if (answer.with instanceof Error) throw answer.with;
      return answer.with;
    },
    isNamed: () => answer.named,
  });
  return { timeline, introductions, links: () => peers.map(({ id }) => id), answer };
}

/** What needs no time to pass. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("it asks until somebody of its cluster answers, and links to all whom that one names", async () => {
  const { timeline, introductions, links, answer } = stage();
  introductions.setPeers([]);
  introductions.start();
  await settled();
  await timeline.run(3_500);
  assert.deepEqual([answer.asked, links()], [4, []]);
  answer.with = new Error("no such host");
  await timeline.run(1_000);
  answer.with = [description(98n, [7n, 8n])];
  await timeline.run(1_000);
  assert.deepEqual([answer.asked, links()], [6, []]);
  answer.with = [description(98n, [7n, 8n]), description(99n, [1n, 2n, 3n])];
  await timeline.run(1_000);
  assert.deepEqual(links(), [1n, 2n]);
});

test("what the replica wants counts more, and once the log names this member it is all that counts", async () => {
  const { timeline, introductions, links, answer } = stage();
  answer.with = [description(99n, [1n, 2n, 3n])];
  introductions.setPeers([]);
  introductions.start();
  await settled();
  assert.deepEqual(links(), [1n, 2n]);
  introductions.setPeers([peer(2n), peer(4n)]);
  assert.deepEqual(links(), [1n, 2n, 4n]);
  answer.named = true;
  await timeline.run(1_000);
  assert.deepEqual(links(), [2n, 4n]);
  const { asked } = answer;
  await timeline.run(10_000);
  assert.equal(answer.asked, asked);
});

test("a stop ends the asking, also one whose answer is on its way", async () => {
  const { timeline, introductions, links, answer } = stage();
  answer.with = [description(99n, [1n])];
  introductions.start();
  await introductions.close();
  await settled();
  await timeline.run(5_000);
  assert.deepEqual([answer.asked, links()], [1, []]);
});
