import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server as TcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import type { Method } from "../../wire/methods.ts";
import { CallFailure, type Channel } from "../channel.ts";
import { readEndpoint } from "./endpoint.ts";
import { grpcDialler } from "./grpc-dialler.ts";
import type { GrpcOptions } from "./options.ts";

const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes),
};
const method = (name: string): Method<string, string> => ({ path: `/test.Test/${name}`, repeatable: true, ...utf8 });
const raw = { requestSerialize: same, requestDeserialize: same, responseSerialize: same, responseDeserialize: same };

function same(bytes: Buffer): Buffer {
  return bytes;
}

type Unary = grpc.handleUnaryCall<Buffer, Buffer>;

/** A server of one service, at any port. */
async function serve(
  credentials = grpc.ServerCredentials.createInsecure(),
): Promise<{ server: grpc.Server; port: number }> {
  const server = new grpc.Server();
  const unary = (name: string) => ({ path: `/test.Test/${name}`, requestStream: false, responseStream: false, ...raw });
  const refusing =
    (code: grpc.status, details: string): Unary =>
    (_, answer) =>
      answer({ code, details });
  server.addService(
    {
      echo: unary("Echo"),
      hang: unary("Hang"),
      compacted: unary("Compacted"),
      tooLarge: unary("TooLarge"),
      metadata: unary("Metadata"),
      stream: { path: "/test.Test/Stream", requestStream: true, responseStream: true, ...raw },
    },
    {
      echo: ((call, answer) => answer(null, call.request)) satisfies Unary,
      hang: (() => undefined) satisfies Unary,
      compacted: refusing(grpc.status.OUT_OF_RANGE, "etcdserver: mvcc: required revision has been compacted"),
      tooLarge: refusing(grpc.status.RESOURCE_EXHAUSTED, "grpc: received message larger than max (9 vs. 8)"),
      metadata: ((call, answer) =>
        answer(null, Buffer.from(String(call.metadata.get("authorization"))))) satisfies Unary,
      stream: ((call) => {
        call.on("data", (bytes: Buffer) => {
          if (bytes.toString() === "end") call.end();
          else if (bytes.toString() === "fail")
            call.emit("error", { code: grpc.status.UNAVAILABLE, details: "etcdserver: no leader" });
          else call.write(bytes);
        });
      }) satisfies grpc.handleBidiStreamingCall<Buffer, Buffer>,
    },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentials, (error, bound) => (error === null ? resolve(bound) : reject(error)));
  });
  return { server, port };
}

function dial(text: string, options: GrpcOptions = {}, timeoutMs = 2_000): Promise<Channel> {
  const endpoint = readEndpoint(text);
  assert.ok(typeof endpoint !== "string");
  return grpcDialler(endpoint, options).dial(timeoutMs);
}

function expect(code: string, mayHaveArrived: boolean, message = /./): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof CallFailure, String(error));
    assert.deepEqual(
      { code: error.code, mayHaveArrived: error.mayHaveArrived },
      { code, mayHaveArrived },
      error.message,
    );
    assert.match(error.message, message);
    return true;
  };
}

describe("a channel over gRPC", () => {
  let server: grpc.Server;
  let endpoint: string;
  const timeoutMs = 2_000;

  before(async () => {
    const served = await serve();
    server = served.server;
    endpoint = `127.0.0.1:${served.port}`;
  });
  after(() => server.forceShutdown());

  test("carries calls, and what goes beside them", async () => {
    const channel = await dial(endpoint);
    assert.equal(channel.endpoint, endpoint);
    assert.equal(await channel.call(method("Echo"), "hello", { timeoutMs }), "hello");
    const metadata = { authorization: "token" };
    assert.equal(await channel.call(method("Metadata"), "", { timeoutMs, metadata }), "token");
    channel.close();
    await assert.rejects(channel.call(method("Echo"), "late", { timeoutMs }), expect("UNAVAILABLE", false));
  });

  test("says of each failure whether the request may have arrived", async () => {
    const channel = await dial(endpoint, { maxRequestBytes: 1_000, maxResponseBytes: 500 });
    const call = (name: string, request: string, signal?: AbortSignal): Promise<string> =>
      channel.call(method(name), request, { timeoutMs: 200, ...(signal === undefined ? {} : { signal }) });
    await assert.rejects(call("Compacted", ""), expect("COMPACTED", true, /^etcdserver: /));
    await assert.rejects(call("TooLarge", ""), expect("REQUEST_TOO_LARGE", true));
    await assert.rejects(call("Echo", "x".repeat(1_001)), expect("REQUEST_TOO_LARGE", false, /maxRequestBytes, 1000/));
    await assert.rejects(call("Echo", "x".repeat(501)), expect("RESPONSE_TOO_LARGE", true, /maxResponseBytes/));
    await assert.rejects(call("Hang", ""), expect("DEADLINE_EXCEEDED", true));
    await assert.rejects(call("Nothing", ""), expect("UNIMPLEMENTED", true));
    const control = new AbortController();
    const given = call("Hang", "", control.signal);
    // It was behind the request.
    await call("Echo", "");
    const unsent = call("Hang", "", control.signal);
    control.abort();
    await assert.rejects(given, expect("CANCELLED", true));
    await assert.rejects(unsent, expect("CANCELLED", false));
    await assert.rejects(call("Echo", "", control.signal), expect("CANCELLED", false));
    const unreadable = { ...method("Echo"), decode: () => assert.fail("garbage") };
    await assert.rejects(channel.call(unreadable, "", { timeoutMs }), expect("MALFORMED_RESPONSE", true));
    const unsendable = { ...method("Echo"), encode: () => assert.fail("not bytes") };
    await assert.rejects(channel.call(unsendable, "", { timeoutMs }), expect("INVALID_ARGUMENT", false));
    channel.close();
  });

  test("carries streams, and how they end", async () => {
    const channel = await dial(endpoint);
    const open = (): {
      send: (text: string) => void;
      cancel: () => void;
      heard: string[];
      ended: Promise<CallFailure | null>;
    } => {
      const heard: string[] = [];
      const { promise, resolve } = Promise.withResolvers<CallFailure | null>();
      const stream = channel.open(method("Stream"), { reply: (text) => heard.push(text), ended: resolve });
      return { send: (text) => stream.send(text), cancel: () => stream.cancel(), heard, ended: promise };
    };
    const ending = open();
    for (const text of ["a", "b", "end"]) ending.send(text);
    assert.equal(await ending.ended, null);
    assert.deepEqual(ending.heard, ["a", "b"]);
    const failing = open();
    failing.send("fail");
    assert.equal((await failing.ended)?.code, "NO_LEADER");
    const canceled = open();
    canceled.send("a");
    canceled.cancel();
    const other = open();
    other.send("end");
    await other.ended;
    assert.deepEqual(canceled.heard, []);
    const broken = open();
    server.forceShutdown();
    assert.equal((await broken.ended)?.code, "UNAVAILABLE");
    channel.close();
    const served = await serve();
    server = served.server;
    endpoint = `127.0.0.1:${served.port}`;
  });

  test("is lost with its connection, once, and makes no other", async () => {
    const served = await serve();
    const channel = await dial(`127.0.0.1:${served.port}`);
    const lost: Error[] = [];
    const isLost = new Promise<void>((resolve) => {
      channel.onLost((reason) => {
        lost.push(reason);
        resolve();
      });
    });
    const hanging = assert.rejects(channel.call(method("Hang"), "", { timeoutMs }), { mayHaveArrived: true });
    await channel.call(method("Echo"), "", { timeoutMs });
    served.server.forceShutdown();
    await isLost;
    await hanging;
    const [reason] = lost;
    await assert.rejects(channel.call(method("Echo"), "", { timeoutMs }), (error: Error) => {
      assert.ok(reason !== undefined && error.message.includes(reason.message), error.message);
      return expect("UNAVAILABLE", false)(error);
    });
    assert.equal(lost.length, 1);
  });
});

describe("an attempt to connect says why it failed", () => {
  let silent: TcpServer;
  before(async () => {
    silent = createServer();
    await new Promise<void>((resolve) => silent.listen(0, "127.0.0.1", resolve));
  });
  after(() => silent.close());

  test("refused", async () => {
    await assert.rejects(dial("127.0.0.1:1"), expect("UNAVAILABLE", false, /connection refused/));
  });

  test("no such host", async () => {
    await assert.rejects(dial("nowhere.invalid:2379"), expect("UNAVAILABLE", false, /host name not found/));
  });

  test("nobody there who speaks gRPC, and leaves no socket behind", async () => {
    const address = silent.address();
    assert.ok(address !== null && typeof address === "object");
    const closed: Promise<unknown>[] = [];
    silent.on("connection", (socket) => closed.push(new Promise((resolve) => socket.resume().once("close", resolve))));
    await assert.rejects(dial(`127.0.0.1:${address.port}`, {}, 300), expect("UNAVAILABLE", false, /within 300 ms/));
    await Promise.all(closed);
    assert.ok(closed.length > 0);
  });

  test("given up", async () => {
    const endpoint = readEndpoint("127.0.0.1:1");
    assert.ok(typeof endpoint !== "string");
    await assert.rejects(
      grpcDialler(endpoint).dial(1_000, AbortSignal.abort()),
      expect("UNAVAILABLE", false, /given up/),
    );
  });
});

test("options that cannot be used are named", async () => {
  const invalid = (message: RegExp) => ({ code: "INVALID_ARGUMENT", message });
  assert.throws(() => dial("127.0.0.1:1", { maxRequestBytes: 0 }), invalid(/maxRequestBytes is 0/));
  assert.throws(() => dial("127.0.0.1:1", { tls: { cert: "x" } }), invalid(/cert and key/));
  assert.throws(() => dial("http://127.0.0.1:1", { tls: {} }), invalid(/not encrypted/));
});

const openssl = spawnSync("openssl", ["version"]).status === 0;

describe("encrypted", { skip: !openssl && "there is no openssl to make certificates with" }, () => {
  const folder = mkdtempSync(join(tmpdir(), "quorate-tls-"));
  let server: grpc.Server;
  let port: number;
  const pem = (name: string): Buffer => readFileSync(join(folder, name));
  const make = (...args: readonly string[]): void => {
    const made = spawnSync("openssl", args, { cwd: folder, encoding: "utf8" });
    assert.equal(made.status, 0, made.stderr);
  };
  const key = (name: string): string[] => [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
    "-keyout",
    `${name}.key`,
  ];

  before(async () => {
    make("req", "-x509", ...key("ca"), "-out", "ca.pem", "-subj", "/CN=test authority", "-days", "2");
    for (const name of ["server", "client"]) {
      make(
        "req",
        ...key(name),
        "-out",
        `${name}.csr`,
        "-subj",
        `/CN=${name}`,
        "-addext",
        "subjectAltName=DNS:etcd.test",
      );
      make(
        "x509",
        "-req",
        "-in",
        `${name}.csr`,
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-copy_extensions",
        "copy",
        "-out",
        `${name}.pem`,
        "-days",
        "2",
      );
    }
    const pair = { private_key: pem("server.key"), cert_chain: pem("server.pem") };
    const served = await serve(grpc.ServerCredentials.createSsl(pem("ca.pem"), [pair], true));
    server = served.server;
    port = served.port;
  });
  after(() => {
    server?.forceShutdown();
    rmSync(folder, { recursive: true });
  });

  test("with a certificate of its own, for a server of another name", async () => {
    const tls = { ca: pem("ca.pem"), cert: pem("client.pem"), key: pem("client.key"), serverName: "etcd.test" };
    const channel = await dial(`127.0.0.1:${port}`, { tls });
    assert.equal(await channel.call(method("Echo"), "hello", { timeoutMs: 2_000 }), "hello");
    channel.close();
  });

  test("says whom it does not trust", async () => {
    await assert.rejects(dial(`https://127.0.0.1:${port}`), expect("UNAVAILABLE", false, /certificate/));
    await assert.rejects(
      dial(`127.0.0.1:${port}`, { tls: { ca: pem("ca.pem") } }),
      expect("UNAVAILABLE", false, /altnames/),
    );
  });

  test("and plain do not understand each other", async () => {
    await assert.rejects(dial(`http://127.0.0.1:${port}`), expect("UNAVAILABLE", false));
  });
});
