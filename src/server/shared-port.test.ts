import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { test } from "node:test";
import { listen, type SharedPort, type SharedPortOptions } from "./shared-port.ts";

async function withPort(options: Partial<SharedPortOptions>, run: (port: SharedPort) => Promise<void>): Promise<void> {
  const refuse = (socket: Socket): void => {
    socket.destroy();
  };
  const all = { http1: refuse, http2: refuse, maxConnections: 100, ...options };
  const port = await listen({ host: "127.0.0.1", port: 0 }, all);
  try {
    await run(port);
  } finally {
    await port.close();
  }
}

async function open({ address }: SharedPort): Promise<Socket> {
  const socket = connect(address.port, address.host);
  socket.on("error", () => undefined);
  await once(socket, "connect");
  return socket;
}

test("the first bytes decide, and whoever gets the connection reads it from its beginning", async () => {
  const got: string[] = [];
  const taker =
    (name: string) =>
    (socket: Socket): void => {
      socket.once("data", (chunk: Buffer) => {
        got.push(`${name} ${chunk.toString("latin1")}`);
        socket.end();
      });
    };
  await withPort({ http1: taker("http1"), http2: taker("http2") }, async (port) => {
    for (const first of [
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
      "GET / HTTP/1.1\r\n\r\n",
      "PUT / HTTP/1.1\r\n\r\n",
      "PR0",
    ]) {
      const socket = await open(port);
      socket.write(first);
      socket.resume();
      await once(socket, "close");
    }
  });
  assert.deepEqual(got, [
    "http2 PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http1 GET / HTTP/1.1\r\n\r\n",
    "http1 PUT / HTTP/1.1\r\n\r\n",
    "http1 PR0",
  ]);
});

test("a connection that says nothing, or not enough, is closed", async () => {
  await withPort({ silenceMs: 20 }, async (port) => {
    for (const said of ["", "PRI"]) {
      const socket = await open(port);
      if (said !== "") socket.write(said);
      socket.resume();
      await once(socket, "close");
    }
  });
});

test("connections above the limit are closed, and room that becomes free is used again", async () => {
  const held: Socket[] = [];
  await withPort({ http1: (socket) => held.push(socket), maxConnections: 2 }, async (port) => {
    const first = await open(port);
    const second = await open(port);
    const third = await open(port);
    third.resume();
    await once(third, "close");
    first.destroy();
    for (;;) {
      const again = await open(port);
      again.write("GET ");
      again.resume();
      const heldBefore = held.length;
      await Promise.race([once(again, "close"), new Promise((resolve) => setImmediate(resolve))]);
      while (!again.destroyed && held.length === heldBefore) await new Promise((resolve) => setImmediate(resolve));
      const taken = !again.destroyed;
      again.destroy();
      if (taken) break;
    }
    second.destroy();
  });
  for (const socket of held) socket.destroy();
});
