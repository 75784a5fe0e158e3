import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from "@grpc/grpc-js";
import { GrpcStatus } from "../../errors.ts";
import type { Method } from "../../wire/methods.ts";
import { ClusterClient } from "./client.ts";
import { type Endpoint, parseEndpoints } from "./endpoints.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function method(name: string, repeatable: boolean): Method<string, string> {
  return {
    path: `/test.Test/${name}`,
    repeatable,
    encode: (text) => encoder.encode(text),
    decode: (bytes) => decoder.decode(bytes),
  };
}

const read = method("Read", true);
const write = method("Write", false);
const echo = method("Echo", true);

type Answer = (text: string) => string | { readonly code: status; readonly details: string } | null;

/** A server that answers as `answer` says (null: never) and keeps what it was asked. */
async function serve(answer: Answer): Promise<{ endpoint: Endpoint; asked: string[]; stop: () => void }> {
  const asked: string[] = [];
  const unary = (call: ServerUnaryCall<string, string>, done: sendUnaryData<string>): void => {
    asked.push(call.request);
    const reply = answer(call.request);
    if (typeof reply === "string") done(null, reply);
    else if (reply !== null) done(reply);
  };
  const stream = (call: ServerDuplexStream<string, string>): void => {
    call.on("data", (text: string) => {
      asked.push(text);
      const reply = answer(text);
      if (typeof reply === "string") call.write(reply);
      else if (reply !== null) call.emit("error", reply);
    });
    call.on("end", () => call.end());
  };
  const definition = (name: string, streams: boolean) => ({
    path: `/test.Test/${name}`,
    requestStream: streams,
    responseStream: streams,
    requestSerialize: (text: string) => Buffer.from(text),
    requestDeserialize: (bytes: Buffer) => bytes.toString(),
    responseSerialize: (text: string) => Buffer.from(text),
    responseDeserialize: (bytes: Buffer) => bytes.toString(),
  });
  const server = new Server();
  server.addService(
    { read: definition("Read", false), write: definition("Write", false), echo: definition("Echo", true) },
    { read: unary, write: unary, echo: stream },
  );
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
      if (error === null) resolve(bound);
      else reject(error);
    });
  });
  const stop = (): void => server.forceShutdown();
  after(stop);
  const [endpoint] = parseEndpoints(`127.0.0.1:${port}`);
  assert.ok(endpoint !== undefined);
  return { endpoint, asked, stop };
}

/** An endpoint where nobody listens. */
async function deadEndpoint(): Promise<Endpoint> {
  const { endpoint, stop } = await serve(() => null);
  stop();
  return endpoint;
}

function clientOf(endpoints: readonly Endpoint[], commandTimeoutMs = 5000): ClusterClient {
  const client = new ClusterClient({ endpoints, dialTimeoutMs: 5000, commandTimeoutMs, tls: null, user: null });
  after(() => client.close());
  return client;
}

const unavailable = { code: status.UNAVAILABLE, details: "etcdserver: no leader" };

describe("several endpoints", () => {
  test("one that cannot be reached is passed over, for writes too", async () => {
    const { endpoint, asked } = await serve((text) => `did ${text}`);
    const client = clientOf([await deadEndpoint(), endpoint]);
    assert.equal(await client.call(write, "w"), "did w");
    assert.equal(await client.call(read, "r"), "did r");
    assert.deepEqual(asked, ["w", "r"]);
  });

  test("a read that found no leader is tried at the next", async () => {
    const leaderless = await serve(() => unavailable);
    const good = await serve(() => "value");
    assert.equal(await clientOf([leaderless.endpoint, good.endpoint]).call(read, "r"), "value");
    assert.deepEqual([leaderless.asked, good.asked], [["r"], ["r"]]);
  });

  test("a write that may have taken effect is never sent twice", async () => {
    const leaderless = await serve(() => unavailable);
    const good = await serve(() => "value");
    const call = clientOf([leaderless.endpoint, good.endpoint]).call(write, "w");
    await assert.rejects(call, { code: "NO_LEADER", status: GrpcStatus.unavailable, message: "etcdserver: no leader" });
    assert.deepEqual([leaderless.asked, good.asked], [["w"], []]);
  });

  test("if none can be reached each is named with its reason", async () => {
    const [one, two] = [await deadEndpoint(), await deadEndpoint()];
    await assert.rejects(clientOf([one, two]).call(read, "r"), {
      status: GrpcStatus.unavailable,
      message: new RegExp(
        `^cannot reach the cluster: ${one.text}: connection refused; ${two.text}: connection refused \\(is it running`,
      ),
    });
  });
});

test("an error of the server comes with its status and text", async () => {
  const { endpoint } = await serve(() => ({
    code: status.OUT_OF_RANGE,
    details: "etcdserver: mvcc: required revision has been compacted",
  }));
  await assert.rejects(clientOf([endpoint]).call(read, "r"), {
    status: GrpcStatus.outOfRange,
    message: "etcdserver: mvcc: required revision has been compacted",
  });
});

test("a server that never answers is given up on, by name", async () => {
  const { endpoint } = await serve(() => null);
  const message = `no answer from ${endpoint.text} within 50ms: try another endpoint or a longer --command-timeout`;
  await assert.rejects(clientOf([endpoint], 50).call(read, "r"), { status: GrpcStatus.deadlineExceeded, message });
  await assert.rejects(clientOf([endpoint], 50).exchange(echo, "r"), { status: GrpcStatus.deadlineExceeded, message });
});

test("an exchange gets its reply, and goes to the next endpoint when a member cannot answer", async () => {
  const leaderless = await serve(() => unavailable);
  const good = await serve((text) => `renewed ${text}`);
  const client = clientOf([leaderless.endpoint, good.endpoint]);
  assert.equal(await client.exchange(echo, "lease"), "renewed lease");
  assert.deepEqual([leaderless.asked, good.asked], [["lease"], ["lease"]]);
});
