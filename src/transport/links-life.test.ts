import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { QuorateError } from "../errors.ts";
import { createTransport } from "./links.ts";
import { addressOf, peer, portOf, recordingLogger, seededRandom } from "./testing/member.ts";
import { pair, send, texts, world } from "./testing/world.ts";

suite("bounds", () => {
  test("a full queue drops bulk frames early and the others late, and takes them again when it has drained", async () => {
    const w = await pair({ maxFrameBytes: 1000, maxBulkQueueBytes: 2000, maxQueueBytes: 4000 });
    // Almost nothing is taken by the system.
    w.silence(1n, 2n);
    w.faults.bufferBytes = 1;
    const kilobyte = "k".repeat(980); // 1000 with its header
    const tried = (bulk: boolean): boolean => {
      const taken = send(w.a, 2n, kilobyte, bulk);
      w.a.transport.flush();
      return taken;
    };
    assert.deepEqual([tried(true), tried(true), tried(true)], [true, true, false]);
    assert.deepEqual([tried(false), tried(false), tried(false)], [true, true, false]);
    assert.deepEqual(w.a.transport.link(2n), {
      connected: true,
      queuedBytes: 3999,
      droppedFrames: 2,
      lastError: null,
    });
    w.faults.bufferBytes = 1 << 16;
    w.faults.heal("m1", "m2");
    await w.pass(10);
    assert.equal(w.b.frames.length, 4);
    assert.equal(w.a.transport.link(2n)?.queuedBytes, 0);
    assert.equal(tried(true), true);
    await w.pass(10);
    assert.equal(w.b.frames.length, 5, "a dropped frame leaves no gap in the sequence");
    await w.close();
  });

  test("frames of one turn count before they are flushed", async () => {
    const w = await pair({ maxFrameBytes: 1000, maxBulkQueueBytes: 1000, maxQueueBytes: 2000 });
    const kilobyte = "k".repeat(980);
    assert.deepEqual(
      [1, 2, 3].map(() => send(w.a, 2n, kilobyte)),
      [true, true, false],
    );
    await w.close();
  });

  test("a frame above the limit is dropped with an error in the log; one at the limit goes", async () => {
    const w = await pair({ maxFrameBytes: 100 });
    assert.equal(send(w.a, 2n, "x".repeat(101)), false);
    assert.ok(w.a.log.some((line) => line === "error frame to 2 dropped: 101 bytes, above the limit of 100"));
    assert.equal(send(w.a, 2n, "x".repeat(100)), true);
    w.a.transport.flush();
    await w.pass(10);
    assert.equal(w.b.frames.length, 1);
    assert.equal(w.a.transport.link(2n)?.droppedFrames, 1);
    await w.close();
  });

  test("traffic is counted on both ends", async () => {
    const w = await pair();
    send(w.a, 2n, "12345");
    send(w.a, 2n, "");
    w.a.transport.flush();
    await w.pass(10);
    assert.deepEqual(w.a.transport.traffic(2n), { sentFrames: 2, sentBytes: 45, receivedFrames: 0, receivedBytes: 0 });
    assert.deepEqual(w.b.transport.traffic(1n), { sentFrames: 0, sentBytes: 0, receivedFrames: 2, receivedBytes: 45 });
    await w.close();
  });
});

suite("a silent end", () => {
  test("an idle link lives on", async () => {
    const w = await pair();
    await w.pass(60_000);
    assert.deepEqual(w.a.events, ["up 2"]);
    assert.deepEqual(w.b.events, ["up 1"]);
    send(w.a, 2n, "still here");
    w.a.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(w.b), ["still here"]);
    assert.deepEqual(w.a.frames, [], "signs of life are not delivered");
    await w.close();
  });

  test("a peer that vanished without a word is noticed by both ends", async () => {
    const w = await pair();
    w.silence(1n, 2n);
    await w.pass(6000);
    assert.equal(w.a.events[1], "lost 2: member 2: link lost: no sign of life for 4000 ms");
    assert.equal(w.b.events[1], "lost 1: member 1: link lost: no sign of life for 4000 ms");
    const firstFour = w.network.connections.slice(0, 4);
    assert.ok(firstFour.every((end) => end.closed));
    assert.ok(w.b.log.some((line) => /^info member 1 from .* is gone: no sign of life for 4000 ms/.test(line)));
    // The way is free again: both come back.
    w.faults.heal("m1", "m2");
    await w.pass(2500);
    assert.equal(w.a.events.at(-1), "up 2");
    assert.equal(w.b.events.at(-1), "up 1");
    await w.close();
  });

  test("a link on which only the way back is dead is given up too", async () => {
    const w = await pair();
    w.faults.block("m2", "m1");
    await w.pass(6000);
    assert.match(w.a.events[1] ?? "", /no sign of life for 4000 ms/);
    await w.close();
  });

  test("a slow link that makes progress is not taken for a dead one", async () => {
    const w = await pair();
    w.faults.link("m1", "m2").bytesPerMs = 0.5;
    send(w.a, 2n, "x".repeat(10_000)); // 20 seconds
    w.a.transport.flush();
    await w.pass(15_000);
    assert.deepEqual(texts(w.b), []);
    await w.pass(10_000);
    assert.equal(w.b.frames.length, 1);
    assert.deepEqual(w.a.events, ["up 2"]);
    await w.close();
  });
});

suite("membership and life of a transport", () => {
  test("a peer that leaves the list loses its link without a report", async () => {
    const w = await pair();
    w.a.transport.setPeers([]);
    assert.equal(w.a.transport.link(2n), null);
    assert.equal(send(w.a, 2n, "x"), false);
    await w.pass(5000);
    assert.deepEqual(w.a.events, ["up 2"]);
    assert.equal(w.network.dialled(portOf(2n)).length, 0);
    // It may still talk to us.
    send(w.b, 1n, "bye");
    w.b.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(w.a), ["bye"]);
    await w.close();
  });

  test("a peer with a new address is reached there", async () => {
    const w = await pair();
    w.a.transport.setPeers([peer(2n, portOf(2n), 7777)]);
    await w.pass(10);
    assert.deepEqual(w.a.events, ["up 2"], "its address is still in the list");
    await w.b.transport.close();
    const moved = await w.start({ id: 2n, port: 7777 });
    await w.pass(10);
    const before = w.a.events.length;
    w.a.transport.setPeers([peer(2n, 7777)]);
    await w.pass(1200);
    assert.ok(before >= 1);
    assert.equal(w.a.events.at(-1), "up 2");
    send(w.a, 2n, "found");
    w.a.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(moved), ["found"]);
    await w.close();
  });

  test("a connection to an address that is no longer the peer's is given up", async () => {
    const w = await pair();
    w.a.transport.setPeers([peer(2n, 7777)]);
    assert.equal(w.a.events.at(-1), "lost 2: member 2: link lost: the peer's addresses have changed");
    await w.close();
  });

  test("a restarted peer is taken up again, and its old connection is not believed any more", async () => {
    const w = await pair();
    await w.b.transport.close();
    await w.pass(500);
    const again = await w.start({ id: 2n, seed: 77 });
    again.transport.setPeers([peer(1n)]);
    await w.pass(1500);
    assert.equal(w.a.events.at(-1), "up 2");
    send(again, 1n, "back");
    again.transport.flush();
    await w.pass(10);
    assert.deepEqual(texts(w.a), ["back"]);
    await w.close();
  });

  test("after close nothing is told, sent or waited for", async () => {
    const w = await pair();
    send(w.b, 1n, "too late");
    w.b.transport.flush();
    await w.a.transport.close();
    await w.a.transport.close();
    w.a.transport.setPeers([peer(2n)]);
    const { length } = w.a.events;
    await w.pass(5000);
    assert.deepEqual(w.a.frames, []);
    assert.equal(w.a.events.length, length);
    assert.equal(w.a.transport.link(2n), null);
    await w.close();
  });

  test("a transport without peers leaves no timer behind", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    await w.pass(2500);
    await a.transport.close();
    assert.equal(w.pendingTimers, 0);
    await w.close();
  });

  test("a connection that comes up when its peer is gone from the list is closed", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    await w.start({ id: 2n });
    a.transport.setPeers([peer(2n)]);
    await w.pass(0.5);
    assert.equal(w.network.attempts.length, 1);
    a.transport.setPeers([]);
    await w.pass(10);
    assert.equal(w.network.connections.length, 2);
    assert.ok(w.network.connections.every((end) => end.closed));
    await w.close();
  });

  test("who closes from within a frame's event gets no further frame, though more had arrived with it", async () => {
    const w = world();
    const a = await w.start({ id: 1n });
    const got: string[] = [];
    const transport = await createTransport({
      environment: { ...w.environmentAt(portOf(2n)), random: seededRandom(2), logger: recordingLogger([]) },
      identity: { clusterId: 0xc1n, memberId: 2n },
      listenAddresses: [addressOf(portOf(2n))],
      events: {
        frame: (_from, _group, _kind, payload) => {
          got.push(new TextDecoder().decode(payload));
          if (got.length === 2) void transport.close();
        },
        linkUp: () => undefined,
        linkLost: () => undefined,
      },
    });
    a.transport.setPeers([peer(2n)]);
    await w.pass(10);
    // One piece, so that all frames come in one chunk.
    const [connection] = w.network.dialled(portOf(2n));
    assert.ok(connection);
    const write = connection.write.bind(connection);
    connection.write = (pieces) => write([Buffer.concat(pieces)]);
    for (const value of ["one", "two", "three"]) send(a, 2n, value);
    a.transport.flush();
    await w.pass(10);
    assert.deepEqual(got, ["one", "two"]);
    await w.close();
  });

  test("an owner may change everything from within an event", async () => {
    const w = world();
    const log: string[] = [];
    const transport = await createTransport({
      environment: { ...w.environmentAt(portOf(1n)), random: seededRandom(1), logger: recordingLogger(log) },
      identity: { clusterId: 0xc1n, memberId: 1n },
      listenAddresses: [{ host: "m1", port: 0 }],
      events: {
        frame: () => undefined,
        linkUp: () => undefined,
        linkLost: (id) => {
          log.push(`told of ${id}`);
          transport.setPeers(id === 2n ? [peer(3n)] : []);
        },
      },
    });
    assert.ok((transport.addresses[0]?.port ?? 0) > 0);
    transport.setPeers([peer(2n)]);
    await w.pass(5000);
    assert.deepEqual(
      log.filter((line) => line.startsWith("told")),
      ["told of 2", "told of 3"],
    );
    await transport.close();
    await w.close();
  });

  test("an address in use is refused with its name, and no other is kept", async () => {
    const w = world();
    await w.start({ id: 1n, port: 7001 });
    const listenAddresses = [7009, 7001].map((port) => ({ host: "m1", port }));
    const environment = { ...w.environmentAt(portOf(1n)), random: seededRandom(1), logger: recordingLogger([]) };
    const events = { frame: () => undefined, linkUp: () => undefined, linkLost: () => undefined };
    const identity = { clusterId: 1n, memberId: 2n };
    await assert.rejects(
      createTransport({ environment, identity, listenAddresses, events }),
      (error: unknown) =>
        error instanceof QuorateError &&
        error.code === "PEER_LISTEN" &&
        /cannot listen for peers on m1:7001: EADDRINUSE/.test(error.message) &&
        (error.cause as { code?: string }).code === "EADDRINUSE",
    );
    await w.environmentAt(portOf(1n)).network.listen({ host: "m1", port: 7009 }, () => undefined);
    await assert.rejects(
      createTransport({ environment, identity: { clusterId: 1n, memberId: 0n }, listenAddresses: [], events }),
      /the member id is 0/,
    );
    await w.close();
  });
});
