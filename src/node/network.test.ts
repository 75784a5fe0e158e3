import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { Connection } from "../environment.ts";
import { nodeNetwork } from "./network.ts";

function later<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

const loopback = { host: "127.0.0.1", port: 0 };

async function pair(context: TestContext): Promise<{ near: Connection; far: Connection; stop: () => Promise<void> }> {
  const { promise, resolve } = later<Connection>();
  const listener = await nodeNetwork.listen(loopback, resolve);
  const near = await nodeNetwork.connect(listener.address, 1000);
  context.after(() => near.destroy());
  context.after(() => listener.close());
  return { near, far: await promise, stop: () => listener.close() };
}

function gather(connection: Connection, bytes: number): Promise<Buffer> {
  const { promise, resolve } = later<Buffer>();
  const chunks: Uint8Array[] = [];
  let have = 0;
  connection.onData((chunk) => {
    chunks.push(chunk);
    have += chunk.length;
    if (have >= bytes) resolve(Buffer.concat(chunks));
  });
  return promise;
}

test("bytes arrive in order, from small and large pieces, and drain is told when all went out", async (context) => {
  const { near, far, stop } = await pair(context);
  const pieces = [
    ...Array.from({ length: 20 }, (_, at) => Buffer.alloc(11, at)),
    Buffer.alloc(3 << 20, 7),
    Buffer.alloc(5),
  ];
  const expected = Buffer.concat([...pieces, ...pieces.slice(0, 20)]);
  const received = gather(far, expected.length);
  const drained = later<void>();
  near.onDrain(drained.resolve);
  near.write(pieces);
  near.write(pieces.slice(0, 20));
  assert.ok((await received).equals(expected));
  await drained.promise;
  assert.equal(near.write([]), 0);
  near.destroy();
  await stop();
});

test("a paused receiver makes the sender's queue grow; resume lets it run empty", async (context) => {
  const { near, far, stop } = await pair(context);
  const size = 32 << 20;
  far.pause();
  const received = gather(far, size);
  const drained = later<void>();
  near.onDrain(drained.resolve);
  assert.ok(near.write([Buffer.alloc(size)]) > 0);
  far.resume();
  assert.equal((await received).length, size);
  await drained.promise;
  near.destroy();
  await stop();
});

test("close is told once on both ends, with the reason where there is one, also to a handler that comes late", async (context) => {
  const { near, far, stop } = await pair(context);
  const ends: string[] = [];
  const farClosed = later<void>();
  far.onData(() => undefined);
  far.onClose((reason) => {
    ends.push(`far ${reason?.message ?? "no reason"}`);
    farClosed.resolve();
  });
  near.destroy(new Error("had enough"));
  near.destroy(new Error("again"));
  await farClosed.promise;
  const late = later<Error | null>();
  near.onClose(late.resolve);
  assert.equal((await late.promise)?.message, "had enough");
  assert.deepEqual(ends, ["far no reason"]);
  assert.equal(near.write([Buffer.from("x")]), 0);
  await stop();
});

test("a refused connection and an address in use are told", async () => {
  const listener = await nodeNetwork.listen(loopback, (connection) => connection.destroy());
  await assert.rejects(
    nodeNetwork.listen(listener.address, () => undefined),
    { code: "EADDRINUSE" },
  );
  await listener.close();
  await assert.rejects(nodeNetwork.connect(listener.address, 1000), { code: "ECONNREFUSED" });
});

test("closing a listener ends the connections it accepted", async (context) => {
  const { near, stop } = await pair(context);
  near.onData(() => undefined);
  const closed = later<Error | null>();
  near.onClose(closed.resolve);
  await stop();
  await closed.promise;
});
