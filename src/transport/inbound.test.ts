import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Connection } from "../environment.ts";
import { crc32 } from "./checksum.ts";
import { FRAME_HEADER_BYTES, frameHeader, PING } from "./frame.ts";
import { decodeAnswer, encodeHello, GreetingReader, type Hello } from "./handshake.ts";
import { addressOf, peer, portOf, type TestMember, type TestMemberOptions, text } from "./testing/member.ts";
import { type TestEnvironment, World } from "./testing/world.ts";

// One real member, and strangers that speak to it byte by byte.

type Scene = World & { readonly member: TestMember; readonly strangers: TestEnvironment };

async function world(limits: TestMemberOptions["limits"] = {}): Promise<Scene> {
  const w = new World();
  return Object.assign(w, { member: await w.start({ id: 1n, limits }), strangers: w.environmentAt(portOf(2n)) });
}

/** Somebody who reads all that the member says. */
class Stranger {
  readonly received: Uint8Array[] = [];
  closed = false;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    connection.onData((chunk) => this.received.push(chunk));
    connection.onClose(() => {
      this.closed = true;
    });
  }

  write(pieces: readonly Uint8Array[]): void {
    this.#connection.write(pieces);
  }

  stopReading(): void {
    this.#connection.pause();
  }
}

const hello: Hello = { oldestVersion: 1, newestVersion: 1, clusterId: 0xc1n, from: 2n, to: 1n, nonce: 99n };

async function dial(w: Scene): Promise<Stranger> {
  const dialling = w.strangers.network.connect(addressOf(portOf(1n)), 1000);
  await w.pass(2);
  return new Stranger(await dialling);
}

async function greet(w: Scene, difference: Partial<Hello> = {}): Promise<Stranger> {
  const connection = await dial(w);
  connection.write([encodeHello({ ...hello, ...difference }, crc32)]);
  await w.pass(5);
  return connection;
}

function frame(sequence: number, value: string): Uint8Array {
  const pieces = text(value);
  return Buffer.concat([frameHeader(1, 7, sequence, pieces, pieces[0]?.length ?? 0, crc32), ...pieces]);
}

function texts(member: TestMember): string[] {
  return member.frames.map((one) => one.text);
}

suite("inbound connections", () => {
  test("a refusal arrives before the connection ends, and does not stay open for ever", async () => {
    const w = await world();
    const connection = await greet(w, { oldestVersion: 5, newestVersion: 6 });
    const progress = new GreetingReader(crc32).push(Buffer.concat(connection.received));
    assert.ok(progress.is === "complete");
    const answer = decodeAnswer(progress.body);
    assert.match(answer?.reason ?? "", /5 to 6 offered, 1 to 1 spoken here; run versions that overlap/);
    connection.write([frame(0, "ignored")]);
    await w.pass(100);
    assert.equal(connection.closed, false);
    await w.pass(3000);
    assert.equal(connection.closed, true);
    assert.deepEqual(w.member.frames, []);
    await w.member.transport.close();
  });

  test("a peer's second connection replaces the first, of which nothing is delivered any more", async () => {
    const w = await world();
    const first = await greet(w);
    first.write([frame(0, "one")]);
    await w.pass(5);
    const second = await greet(w);
    first.write([frame(1, "late")]);
    second.write([frame(0, "two")]);
    await w.pass(5);
    assert.deepEqual(texts(w.member), ["one", "two"]);
    assert.equal(first.closed, true);
    assert.equal(second.closed, false);
    await w.member.transport.close();
  });

  test("a frame that is on its way when the second connection is accepted is dropped", async () => {
    const w = await world();
    const first = await greet(w);
    // Three bytes in a millisecond: the frame's end is on its way for longer than the next connection takes.
    const way = w.faults.link("m2", "m1");
    way.bytesPerMs = 3;
    first.write([frame(0, "one").subarray(0, 5)]);
    first.write([frame(0, "one").subarray(5)]);
    way.bytesPerMs = Number.POSITIVE_INFINITY;
    const second = await dial(w);
    second.write([Buffer.concat([encodeHello(hello, crc32), frame(0, "two")])]);
    await w.pass(20);
    const arrived = texts(w.member);
    assert.equal(arrived.at(-1), "two");
    assert.ok(arrived.length === 1 || arrived[0] === "one");
    await w.member.transport.close();
  });

  const faults: readonly [string, Uint8Array, RegExp][] = [
    ["a damaged frame", damaged(), /it sent frame 0 is damaged|damaged: its checksum/],
    ["a repeated frame", Buffer.concat([frame(0, "a"), frame(0, "a")]), /frame 0 where 1 was due/],
    ["a gap", Buffer.concat([frame(0, "a"), frame(2, "c")]), /frame 2 where 1 was due/],
    ["a frame above the limit", frame(0, "x".repeat(2001)), /a frame of 2001 bytes, above the limit of 2000/],
  ];
  for (const [what, bytes, reason] of faults) {
    test(`${what} ends the connection, and nothing behind it is delivered`, async () => {
      const w = await world({ maxFrameBytes: 2000 });
      const connection = await greet(w);
      connection.write([bytes, frame(1, "after"), frame(3, "after")]);
      await w.pass(5);
      assert.ok(texts(w.member).every((value) => value === "a"));
      assert.equal(connection.closed, true);
      assert.ok(
        w.member.log.some((line) => line.startsWith("info member 2 from") && reason.test(line)),
        w.member.log.join("\n"),
      );
      // It can come back.
      const again = await greet(w);
      again.write([frame(0, "again")]);
      await w.pass(5);
      assert.equal(texts(w.member).at(-1), "again");
      await w.member.transport.close();
    });
  }

  test("frames may follow the hello at once", async () => {
    const w = await world();
    const connection = await dial(w);
    connection.write([Buffer.concat([encodeHello(hello, crc32), frame(0, "early")])]);
    await w.pass(5);
    assert.deepEqual(texts(w.member), ["early"]);
    await w.member.transport.close();
  });

  test("who never says hello is closed in time", async () => {
    const w = await world();
    const idle = await dial(w);
    const slow = await dial(w);
    slow.write([encodeHello(hello, crc32).subarray(0, 20)]);
    await w.pass(2100);
    assert.equal(idle.closed, true);
    assert.equal(slow.closed, true);
    assert.ok(w.member.log.some((line) => /^info a connection from .* is gone: it did not say who it is/.test(line)));
    await w.member.transport.close();
  });

  test("a client on the peer port is told from a peer", async () => {
    const w = await world();
    const client = await dial(w);
    client.write(text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"));
    await w.pass(5);
    assert.equal(client.closed, true);
    assert.ok(w.member.log.some((line) => /it speaks HTTP: a client on the peer port\?/.test(line)));
    await w.member.transport.close();
  });

  test("idle strangers cannot keep a peer out", async () => {
    const w = await world({ maxPendingConnections: 3 });
    const strangers = [];
    for (let i = 0; i < 5; i++) strangers.push(await dial(w));
    const real = await greet(w);
    await w.pass(5);
    assert.deepEqual(
      strangers.map((stranger) => stranger.closed),
      [true, true, true, false, false],
    );
    real.write([frame(0, "in")]);
    await w.pass(5);
    assert.deepEqual(texts(w.member), ["in"]);
    await w.member.transport.close();
  });

  test("a peer that sends and never reads is not answered without bound", async () => {
    const w = await world({ pingIntervalMs: 10 });
    const connection = await greet(w);
    const there = w.network.ends.find((end) => !end.dialled)?.connection;
    assert.ok(there);
    connection.stopReading();
    w.faults.bufferBytes = 100;
    for (let i = 0; i < 500; i++) {
      connection.write([frameHeader(PING, 0, i, [], 0, crc32)]);
      await w.pass(10);
    }
    assert.equal(there.closed, false);
    const queued = there.write([]);
    assert.ok(queued > 0 && queued <= 66 * FRAME_HEADER_BYTES, `${queued} bytes`);
    await w.member.transport.close();
  });

  test("any bytes, before and after a good greeting, are survived, and the next peer is served", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("bare", "magic", "greeted", "framed"),
        fc.array(fc.uint8Array({ maxLength: 100 }), { maxLength: 4 }),
        async (start, chunks) => {
          const w = await world();
          const connection = start === "greeted" || start === "framed" ? await greet(w) : await dial(w);
          if (start === "magic") connection.write(text("QUORATE\0"));
          if (start === "framed") connection.write([frame(0, "x").subarray(0, FRAME_HEADER_BYTES)]);
          for (const chunk of chunks) {
            connection.write([chunk]);
            await w.pass(1);
          }
          await w.pass(5);
          const next = await greet(w, { from: 3n });
          next.write([frame(0, "served")]);
          await w.pass(5);
          assert.equal(texts(w.member).at(-1), "served");
          await w.member.transport.close();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("a dialling member survives any answer as well", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.boolean(),
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 4 }),
        async (magic, noise) => {
          const w = await world();
          await w.environmentAt(portOf(2n)).network.listen(addressOf(portOf(2n)), (connection) => {
            if (magic) connection.write(text("QUORATE\0"));
            connection.write(noise);
            connection.onData(() => undefined);
          });
          w.member.transport.setPeers([peer(2n)]);
          await w.pass(5000);
          assert.equal(w.member.transport.link(2n)?.connected, false);
          assert.ok(w.member.events.length > 0);
          await w.member.transport.close();
        },
      ),
      { numRuns: 30 },
    );
  });
});

function damaged(): Uint8Array {
  const bytes = frame(0, "abc");
  bytes[FRAME_HEADER_BYTES] = 0x7a;
  return bytes;
}
