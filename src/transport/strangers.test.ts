/** Members that know of each other on one side only: dialled back, told that they are removed, never believed blindly. */
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { SeededRandom } from "../consensus/random.ts";
import type { Address, Logger, MemberId } from "../environment.ts";
import { VirtualMachine } from "../virtual/machine.ts";
import { VirtualNetwork } from "../virtual/network.ts";
import { settle } from "../virtual/testing/settle.ts";
import { Timeline } from "../virtual/timeline.ts";
import { crc32 } from "./checksum.ts";
import { type Answer, AnswerCode, encodeAnswer, saysRemoved } from "./handshake.ts";
import type { TransportLimits } from "./limits.ts";
import { createTransport, type PeerTransport } from "./links.ts";
import { FrameKind, type Peer } from "./transport.ts";

const CLUSTER = 0xc1n;

interface Member {
  readonly id: MemberId;
  readonly transport: PeerTransport;
  readonly machine: VirtualMachine;
  readonly frames: string[];
  /** "up 2", "lost 2: reason", "removed by 2", in order. */
  readonly events: string[];
  /** Warnings. */
  readonly warnings: string[];
}

interface Setting {
  readonly id: MemberId;
  /** Default: "m" and its id. */
  readonly host?: string;
  /** Default: where it listens. */
  readonly advertised?: readonly Address[];
  readonly removed?: ReadonlySet<MemberId>;
  readonly limits?: Partial<TransportLimits>;
}

class Room {
  readonly timeline = new Timeline(settle);
  readonly #random = new SeededRandom(7);
  readonly network = new VirtualNetwork({ timeline: this.timeline, random: new SeededRandom(8) });

  machine(name: string, logger: Logger): ReturnType<VirtualMachine["boot"]> & { machine: VirtualMachine } {
    const { timeline, network } = this;
    const random = new SeededRandom(this.#random.uint32());
    const machine = new VirtualMachine({ name, host: name, timeline, network, random });
    return { ...machine.boot(logger), machine };
  }

  async start({ id, host = `m${id}`, advertised, removed = new Set(), limits = {} }: Setting): Promise<Member> {
    const frames: string[] = [];
    const events: string[] = [];
    const warnings: string[] = [];
    const warn = (_fields: unknown, message: string): void => void warnings.push(message);
    const { environment, machine } = this.machine(host, { debug() {}, info() {}, warn, error: warn });
    const transport = await createTransport({
      environment,
      identity: { clusterId: CLUSTER, memberId: id },
      listenAddresses: [at(host)],
      advertisedAddresses: advertised ?? [at(host)],
      isRemoved: (peer) => removed.has(peer),
      limits,
      events: {
        frame: (from, _group, _kind, payload) => frames.push(`${from}: ${new TextDecoder().decode(payload)}`),
        linkUp: (peer) => events.push(`up ${peer}`),
        linkLost: (peer, { message }) => events.push(`lost ${peer}: ${message}`),
        removed: (by) => events.push(`removed by ${by}`),
      },
    });
    return { id, transport, machine, frames, events, warnings };
  }

  /** Somebody on a machine of its own who gives everybody the same answer. */
  async impostor(host: string, answer: Answer): Promise<void> {
    const { environment } = this.machine(host, { debug() {}, info() {}, warn() {}, error() {} });
    await environment.network.listen(at(host), (connection) => {
      connection.onData(() => connection.write([encodeAnswer(answer, crc32)]));
    });
  }

  async pass(ms: number): Promise<void> {
    await this.timeline.run(ms);
  }
}

function at(host: string): Address {
  return { host, port: 2380 };
}

function peer(id: MemberId, host = `m${id}`): Peer {
  return { id, addresses: [at(host)] };
}

function send(from: Member, to: MemberId, text: string): boolean {
  const sent = from.transport.send(to, 0, FrameKind.engine, [new TextEncoder().encode(text)], false);
  from.transport.flush();
  return sent;
}

/** The first names the second, which names nobody: a new leader, and a member that was away. */
async function leaderAndAbsent(
  difference: Partial<Setting> = {},
): Promise<{ room: Room; leader: Member; absent: Member }> {
  const room = new Room();
  const leader = await room.start({ id: 1n, ...difference });
  const absent = await room.start({ id: 2n });
  leader.transport.setPeers([peer(2n)]);
  await room.pass(50);
  assert.deepEqual(leader.events, ["up 2"]);
  return { room, leader, absent };
}

suite("a member that is connected without being named", () => {
  test("is dialled back where it says that it can be reached, and can be answered", async () => {
    const { room, leader, absent } = await leaderAndAbsent();
    assert.deepEqual(absent.events, ["up 1"]);
    assert.equal(send(leader, 2n, "append"), true);
    assert.equal(send(absent, 1n, "yes"), true);
    await room.pass(10);
    assert.deepEqual([leader.frames, absent.frames], [["2: yes"], ["1: append"]]);
    await room.pass(30_000);
    assert.deepEqual([leader.events, absent.events], [["up 2"], ["up 1"]], "and for as long as they live");
  });

  test("is let go of when its own connection ends, with a report", async () => {
    const { room, leader, absent } = await leaderAndAbsent();
    leader.transport.setPeers([]);
    await room.pass(50);
    assert.equal(absent.transport.link(1n), null);
    assert.equal(absent.transport.traffic(1n), null);
    assert.equal(send(absent, 1n, "?"), false);
    const lost = "lost 1: member 1: link lost: it is not in the member list, and does not ask for a link";
    assert.deepEqual(absent.events, ["up 1", lost]);
    leader.transport.setPeers([peer(2n)]);
    await room.pass(50);
    assert.deepEqual(absent.events, ["up 1", lost, "up 1"]);
  });

  test("is let go of when it dies and cannot be reached again", async () => {
    const { room, leader, absent } = await leaderAndAbsent();
    leader.machine.crash();
    await room.pass(10_000);
    assert.equal(absent.transport.link(1n), null);
    assert.match(absent.events[1] ?? "", /^lost 1: /);
    const { length } = absent.events;
    await room.pass(10_000);
    assert.equal(absent.events.length, length, "nobody tries any more");
  });

  test("keeps its link when it is named, and when it is not any more", async () => {
    const { room, absent } = await leaderAndAbsent();
    absent.transport.setPeers([peer(1n)]);
    await room.pass(5_000);
    absent.transport.setPeers([peer(3n)]);
    await room.pass(50);
    const ofLeader = (): string[] => absent.events.filter((event) => / 1\b/.test(event));
    assert.deepEqual(ofLeader(), ["up 1"]);
    assert.equal(send(absent, 1n, "still here"), true);
  });

  test("that let go of us, while we name it by now, is connected anew, and dials back itself", async () => {
    const { room, leader, absent } = await leaderAndAbsent();
    absent.transport.setPeers([peer(1n)]);
    leader.transport.setPeers([]);
    await room.pass(200);
    assert.equal(send(absent, 1n, "question"), true);
    assert.equal(send(leader, 2n, "answer"), true);
    await room.pass(10);
    assert.deepEqual([leader.frames, absent.frames], [["2: question"], ["1: answer"]]);
  });

  test("has a link both ways in the end if one of the two names the other, and none if neither does", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(), { minLength: 1, maxLength: 12 }), async (draws) => {
        const room = new Room();
        const ids = [1n, 2n, 3n];
        const members = new Map<MemberId, Member>();
        const named = new Map<MemberId, readonly MemberId[]>();
        for (const id of ids) members.set(id, await room.start({ id }));
        for (const draw of draws) {
          const id = ids[draw % 3] ?? 0n;
          const others = ids.filter((other, bit) => other !== id && (draw >> (2 + bit)) % 2 === 1);
          named.set(id, others);
          members.get(id)?.transport.setPeers(others.map((other) => peer(other)));
          if ((draw >> 5) % 4 === 0) room.network.reset("m1", "m2");
          await room.pass((draw >> 7) % 300);
        }
        await room.pass(8_000);
        const names = (one: MemberId, other: MemberId): boolean => named.get(one)?.includes(other) === true;
        for (const [id, { transport }] of members) {
          for (const other of ids) {
            if (other === id) continue;
            const wanted = names(id, other) || names(other, id) ? true : undefined;
            assert.equal(transport.link(other)?.connected, wanted, `the link from ${id} to ${other}`);
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  test("that does not say where it can be reached is heard, as before", async () => {
    const { room, leader, absent } = await leaderAndAbsent({ advertised: [] });
    assert.equal(send(leader, 2n, "append"), true);
    await room.pass(10);
    assert.deepEqual(absent.frames, ["1: append"]);
    assert.deepEqual(absent.events, []);
    assert.equal(absent.transport.link(1n), null);
  });

  test("is not taken for whoever is found at its address", async () => {
    const room = new Room();
    const other = await room.start({ id: 3n });
    const liar = await room.start({ id: 1n, advertised: [at("m3")] });
    const member = await room.start({ id: 2n });
    liar.transport.setPeers([peer(2n)]);
    await room.pass(5_000);
    assert.equal(member.transport.link(1n)?.connected, false);
    assert.match(
      member.transport.link(1n)?.lastError ?? "",
      /no link with m3:2380: wrong member: 1 asked for, 3 listens/,
    );
    assert.equal(send(member, 1n, "secret"), false);
    assert.deepEqual(other.frames, []);
    assert.equal(member.warnings.length, 1, "told once");
  });

  test("is turned away, and not dialled, when there are too many of its kind", async () => {
    const room = new Room();
    const member = await room.start({ id: 9n, limits: { maxUnknownPeers: 2 } });
    const strangers = [];
    for (const id of [1n, 2n, 3n]) {
      const stranger = await room.start({ id });
      stranger.transport.setPeers([peer(9n)]);
      strangers.push(stranger);
      await room.pass(50);
    }
    assert.deepEqual(member.events, ["up 1", "up 2"]);
    assert.match(
      strangers[2]?.events[0] ?? "",
      /3 is not in the member list, and 2 such members are connected already/,
    );
    member.transport.setPeers([peer(1n)]);
    await room.pass(2_000);
    assert.equal(member.events.at(-1), "up 3", "who is named does not count");
  });
});

suite("a peer that moved", () => {
  /** The second member names the first where it was before; the first knows where the second is. */
  async function moved(): Promise<{ room: Room; leader: Member; absent: Member }> {
    const room = new Room();
    const absent = await room.start({ id: 2n });
    room.network.host("old");
    absent.transport.setPeers([peer(1n, "old")]);
    await room.pass(3_000);
    assert.equal(absent.transport.link(1n)?.connected, false);
    const leader = await room.start({ id: 1n, host: "new" });
    leader.transport.setPeers([peer(2n)]);
    await room.pass(4_000);
    return { room, leader, absent };
  }

  test("is found where it says that it is, however often its old addresses are named", async () => {
    const { room, leader, absent } = await moved();
    assert.equal(absent.events.at(-1), "up 1");
    const { length } = absent.events;
    absent.transport.setPeers([peer(1n, "old")]);
    absent.transport.setPeers([peer(1n, "between")]);
    await room.pass(1_000);
    assert.equal(send(absent, 1n, "found"), true);
    await room.pass(10);
    assert.deepEqual(leader.frames, ["2: found"]);
    assert.equal(absent.events.length, length, "its link was not touched");
  });

  test("is looked for at both places, and each failure is told once", async () => {
    const { room, leader, absent } = await moved();
    leader.machine.crash();
    absent.warnings.length = 0;
    await room.pass(60_000);
    const failures = absent.warnings.filter((line) => line.includes("cannot connect"));
    const places = new Set(failures.map((line) => /to (\w+):/.exec(line)?.[1]));
    assert.deepEqual([failures.length, places], [2, new Set(["old", "new"])]);
  });
});

suite("a removed member", () => {
  test("is told by whoever knows, each time it asks", async () => {
    const room = new Room();
    const member = await room.start({ id: 1n, removed: new Set([2n]) });
    const removed = await room.start({ id: 2n });
    removed.transport.setPeers([peer(1n)]);
    await room.pass(20);
    const [lost, told] = removed.events;
    assert.match(lost ?? "", /^lost 1: .* 2 was removed from the cluster for good: add a new member in its place$/);
    assert.equal(told, "removed by 1");
    assert.equal(send(removed, 1n, "vote for me"), false);
    await room.pass(3_000);
    assert.ok(removed.events.filter((event) => event === "removed by 1").length > 1);
    assert.deepEqual([member.events, member.frames], [[], []]);
  });

  test("that was connected is told when those that stay have let go of it", async () => {
    const room = new Room();
    const gone = new Set<MemberId>();
    const member = await room.start({ id: 1n, removed: gone });
    const removed = await room.start({ id: 2n });
    member.transport.setPeers([peer(2n)]);
    removed.transport.setPeers([peer(1n)]);
    await room.pass(50);
    gone.add(2n);
    // For a while it is still named, so that it gets its removal as an entry.
    member.transport.setPeers([peer(2n)]);
    await room.pass(4_000);
    assert.deepEqual(removed.events, ["up 1"]);
    assert.equal(send(removed, 1n, "acknowledged"), true);
    await room.pass(10);
    assert.deepEqual(member.frames, ["2: acknowledged"]);
    member.transport.setPeers([]);
    await room.pass(100);
    assert.equal(removed.events.at(-1), "removed by 1");
    assert.equal(member.transport.link(2n), null);
  });

  const us = { clusterId: CLUSTER, memberId: 2n, nonce: 5n };
  const claim: Answer = {
    clusterId: CLUSTER,
    memberId: 1n,
    nonce: 6n,
    code: AnswerCode.removed,
    version: 0,
    reason: "",
  };
  const disbelieved: readonly [string, Partial<Answer>][] = [
    ["another member than the one that was asked for", { memberId: 3n }],
    ["a member of another cluster", { clusterId: 0xc2n }],
    ["a refusal for another reason", { code: AnswerCode.tooManyUnknown }],
    ["a refusal that a later version knows", { code: 99 }],
  ];
  for (const [who, difference] of disbelieved) {
    test(`does not believe ${who}`, async () => {
      const room = new Room();
      await room.impostor("m1", { ...claim, ...difference });
      const member = await room.start({ id: 2n });
      member.transport.setPeers([peer(1n)]);
      await room.pass(5_000);
      assert.match(member.events[0] ?? "", /^lost 1: /);
      assert.deepEqual(
        member.events.filter((event) => event.startsWith("removed")),
        [],
      );
      assert.equal(saysRemoved({ ...claim, ...difference }, us, 1n), false);
    });
  }

  test("believes the member that was asked for", async () => {
    const room = new Room();
    await room.impostor("m1", claim);
    const member = await room.start({ id: 2n });
    member.transport.setPeers([peer(1n)]);
    await room.pass(20);
    assert.equal(member.events[1], "removed by 1");
    assert.equal(saysRemoved(claim, us, 1n), true);
  });
});
