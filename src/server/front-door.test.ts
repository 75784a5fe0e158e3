import assert from "node:assert/strict";
import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import type { Socket } from "node:net";
import { test } from "node:test";
import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { nodeClock } from "../node/clock.ts";
import { type BidiCall, type Call, type FrontDoor, type Method, openFrontDoor, type StreamCall } from "./front-door.ts";
import { listen } from "./shared-port.ts";

const NOTHING = new Uint8Array(0);
const MAX_RECEIVE = 3 << 20;
const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const asIs = (bytes: Buffer): Buffer => bytes;

interface Failed {
  readonly code: number;
  readonly details: string;
}

/** A door on a port of its own, and a client of another make. */
class Scene {
  readonly door: FrontDoor;
  readonly client: Client;
  readonly port: number;
  readonly sockets: Socket[];

  constructor(door: FrontDoor, port: number, sockets: Socket[]) {
    this.door = door;
    this.port = port;
    this.sockets = sockets;
    this.client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  ask(path: string, request: Uint8Array, options: { deadlineMs?: number } = {}): Promise<Uint8Array | Failed> {
    const { deadlineMs } = options;
    return new Promise((resolve) => {
      const call = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs };
      this.client.makeUnaryRequest(path, asBuffer, asIs, request, new Metadata(), call, (error, response) => {
        if (error === null) resolve(response ?? NOTHING);
        else resolve({ code: error.code, details: error.details });
      });
    });
  }
}

async function withDoor(
  methods: readonly Method[],
  run: (scene: Scene) => Promise<void>,
  maxUnreadBytes = 64 << 20,
): Promise<void> {
  const door = openFrontDoor({
    clock: nodeClock,
    methods,
    maxReceiveBytes: MAX_RECEIVE,
    maxConcurrentCalls: 1_000,
    maxUnreadBytes,
    keepaliveIntervalMs: 7_200_000,
    keepaliveTimeoutMs: 20_000,
  });
  const sockets: Socket[] = [];
  const http2 = (socket: Socket): void => {
    sockets.push(socket);
    door.accept(socket);
  };
  const port = await listen(
    { host: "127.0.0.1", port: 0 },
    { http2, http1: (socket) => socket.destroy(), maxConnections: 100 },
  );
  const scene = new Scene(door, port.address.port, sockets);
  try {
    await run(scene);
  } finally {
    scene.client.close();
    await Promise.all([port.close(), door.close(0)]);
  }
}

const echo: Method = { kind: "unary", path: "/t.T/Echo", handle: (request, _call, answer) => answer(null, request) };

function bytesLike(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, n) => n % 251);
}

test("messages of any size come and go whole", async () => {
  await withDoor([echo], async (scene) => {
    for (const length of [0, 1, 100, 16_379, 16_380, 70_000, 1_000_000, MAX_RECEIVE]) {
      const request = bytesLike(length);
      assert.deepEqual(Uint8Array.from((await scene.ask("/t.T/Echo", request)) as Uint8Array), request);
    }
    const many = Array.from({ length: 200 }, (_, n) => bytesLike(n * 50));
    const answers = await Promise.all(many.map((request) => scene.ask("/t.T/Echo", request)));
    assert.deepEqual(
      answers.map((answer) => Uint8Array.from(answer as Uint8Array)),
      many,
    );
  });
});

test("requests above the limit never reach a service", async () => {
  let reached = 0;
  const method: Method = { kind: "unary", path: "/t.T/Count", handle: () => (reached += 1) };
  await withDoor([method], async (scene) => {
    const answer = (await scene.ask("/t.T/Count", new Uint8Array(MAX_RECEIVE + 1))) as Failed;
    assert.equal(answer.code, GrpcStatus.resourceExhausted);
    assert.match(answer.details, new RegExp(`received message larger than max \\(${MAX_RECEIVE + 1} vs`));
    assert.equal(reached, 0);
  });
});

test("errors keep their code and text", async () => {
  const text = "etcdserver: 100 % of schlüssel\nare gone";
  const method: Method = {
    kind: "unary",
    path: "/t.T/Fail",
    handle: (_request, _call, answer) => answer(new QuorateError("GONE", GrpcStatus.outOfRange, text), NOTHING),
  };
  await withDoor([method], async (scene) => {
    assert.deepEqual(await scene.ask("/t.T/Fail", NOTHING), { code: GrpcStatus.outOfRange, details: text });
    const unknown = (await scene.ask("/t.T/NoSuchMethod", NOTHING)) as Failed;
    assert.equal(unknown.code, GrpcStatus.unimplemented);
    assert.match(unknown.details, /NoSuchMethod/);
  });
});

test("a call is over once: when it was answered, given up, out of time, or its connection is gone", async () => {
  const calls: Call[] = [];
  const over: string[] = [];
  let arrived = Promise.withResolvers<void>();
  let told = Promise.withResolvers<void>();
  const method: Method = {
    kind: "unary",
    path: "/t.T/Hold",
    handle: (request, call, answer) => {
      const name = Buffer.from(request).toString();
      calls.push(call);
      call.onCancel(() => {
        over.push(name);
        told.resolve();
      });
      arrived.resolve();
      if (name === "answered") answer(null, request);
    },
  };
  await withDoor([method], async (scene) => {
    const next = async (name: string, end: (result: Promise<unknown>) => void): Promise<void> => {
      arrived = Promise.withResolvers();
      told = Promise.withResolvers();
      end(scene.ask("/t.T/Hold", Buffer.from(name), name === "late" ? { deadlineMs: 50 } : {}));
      await arrived.promise;
      if (name === "lost") for (const socket of scene.sockets) socket.destroy();
      await told.promise;
    };
    await next("answered", (result) => void result);
    await next("late", (result) => void result);
    const given = scene.client.makeUnaryRequest("/t.T/Hold", asBuffer, asIs, Buffer.from("given up"), () => undefined);
    arrived = Promise.withResolvers();
    told = Promise.withResolvers();
    await arrived.promise;
    given.cancel();
    await told.promise;
    await next("lost", (result) => void result);
    assert.deepEqual(over, ["answered", "late", "given up", "lost"]);
    assert.ok(calls.every(({ cancelled }) => cancelled));
    let atOnce = false;
    calls[0]?.onCancel(() => {
      atOnce = true;
    });
    assert.equal(atOnce, true);
  });
});

test("a stream of answers waits for its reader, loses nothing, and ends when all is out", async () => {
  const message = bytesLike(50_000);
  let longest = 0;
  const method: Method = {
    kind: "serverStream",
    path: "/t.T/Many",
    handle: (request, call: StreamCall) => {
      let left = Number(Buffer.from(request).toString());
      const go = (): void => {
        let row = 0;
        while (left > 0 && call.writable) {
          call.write(message);
          left -= 1;
          row += 1;
        }
        longest = Math.max(longest, row);
        if (left === 0) call.end();
      };
      call.onDrain(go);
      go();
    },
  };
  await withDoor([method], async (scene) => {
    const call = scene.client.makeServerStreamRequest("/t.T/Many", asBuffer, asIs, Buffer.from("400"));
    let seen = 0;
    for await (const one of call) {
      assert.deepEqual((one as Buffer).length, message.length);
      seen += 1;
    }
    assert.equal(seen, 400);
    assert.ok(longest <= 60, `${longest} messages were written in a row`);
  });
});

test("messages come in order each way; what was sent before the end comes before it", async () => {
  const method: Method = {
    kind: "bidi",
    path: "/t.T/Bidi",
    handle: (call: BidiCall) => {
      let paused = 0;
      call.onMessage((bytes) => {
        call.write(bytes);
        if (++paused % 100 !== 0) return;
        call.pause();
        setImmediate(() => call.resume());
      });
      call.onEnd(() => call.end(new QuorateError("END", GrpcStatus.aborted, "that was all")));
    },
  };
  await withDoor([method], async (scene) => {
    const call = scene.client.makeBidiStreamRequest("/t.T/Bidi", asBuffer, asIs);
    const seen: string[] = [];
    call.on("data", (bytes: Buffer) => seen.push(bytes.toString()));
    const sent = Array.from({ length: 2_000 }, (_, n) => `${n}${"x".repeat(n % 300)}`);
    for (const one of sent) call.write(Buffer.from(one));
    call.end();
    const [error] = (await once(call, "error")) as [ServiceError];
    assert.deepEqual([error.code, error.details], [GrpcStatus.aborted, "that was all"]);
    assert.deepEqual(seen, sent);
  });
});

test("a door that closes lets calls finish", async () => {
  let finish: () => void = () => undefined;
  const arrived = Promise.withResolvers<void>();
  const method: Method = {
    kind: "unary",
    path: "/t.T/Hold",
    handle: (request, _call, answer) => {
      finish = () => answer(null, request);
      arrived.resolve();
    },
  };
  await withDoor([method], async (scene) => {
    const answer = scene.ask("/t.T/Hold", Buffer.from("kept"));
    await arrived.promise;
    const closed = scene.door.close(20_000);
    setTimeout(() => finish(), 50);
    assert.equal(Buffer.from((await answer) as Uint8Array).toString(), "kept");
    scene.client.close();
    await closed;
  });
});

test("a client that asks and never reads is cut off; one that reads may have as much as it likes", async () => {
  const large: Method = {
    kind: "unary",
    path: "/t.T/Large",
    handle: (_request, _call, answer) => answer(null, new Uint8Array(1 << 20)),
  };
  const run = async (scene: Scene): Promise<void> => {
    const open = async () => {
      const session = connectHttp2(`http://127.0.0.1:${scene.port}`);
      session.on("error", () => undefined);
      await once(session, "connect");
      const ask = () => {
        const stream = session.request({
          ":method": "POST",
          ":path": "/t.T/Large",
          "content-type": "application/grpc",
          te: "trailers",
        });
        stream.on("error", () => undefined);
        stream.end(new Uint8Array(5));
        return stream;
      };
      return { session, ask };
    };
    const reader = await open();
    for (let n = 0; n < 8; n++) {
      const stream = reader.ask();
      let bytes = 0;
      stream.on("data", (chunk: Buffer) => {
        bytes += chunk.length;
      });
      await once(stream, "end");
      assert.equal(bytes, (1 << 20) + 5);
    }
    const idler = await open();
    const closed = once(idler.session, "close");
    for (let n = 0; n < 8; n++) idler.ask();
    await closed;
    assert.equal(reader.session.destroyed, false);
    reader.session.close();
  };
  await withDoor([large], run, 4 << 20);
});
