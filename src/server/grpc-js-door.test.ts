import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:http2";
import { test } from "node:test";
import { create, toBinary } from "@bufbuild/protobuf";
import { encodeCommand } from "../keyspace/command.ts";
import { RangeRequestSchema } from "../wire/gen/etcdserverpb/kv_pb.ts";
import { withServer } from "./testing/harness.ts";

const key = new TextEncoder().encode("k");

/** A gRPC request as it goes over HTTP/2: flag, length, message. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

const HEADERS = {
  ":method": "POST",
  ":path": "/etcdserverpb.KV/Range",
  "content-type": "application/grpc",
  te: "trailers",
};

test("a client that asks and never reads is cut off; one that reads may have as much as it likes", async () => {
  await withServer(
    async ({ address, replica }) => {
      const value = "v".repeat(1 << 20);
      const put = { key: "k", value, lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false };
      replica.apply(encodeCommand({ type: "put", request: put }));
      const request = framed(toBinary(RangeRequestSchema, create(RangeRequestSchema, { key, serializable: true })));
      const open = async () => {
        const session = connect(`http://${address.host}:${address.port}`);
        session.on("error", () => undefined);
        await once(session, "connect");
        const ask = () => {
          const stream = session.request(HEADERS);
          stream.on("error", () => undefined);
          stream.end(request);
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
        assert.ok(bytes > value.length);
      }
      assert.equal(reader.session.destroyed, false);

      const idler = await open();
      const closed = once(idler.session, "close");
      for (let n = 0; n < 8; n++) idler.ask();
      await closed;
      assert.equal(reader.session.destroyed, false);
      reader.session.close();
    },
    { maxUnreadBytes: 4 << 20 },
  );
});

test("a method that nobody serves is answered by name", async () => {
  await withServer(async ({ client }) => {
    const answer = await client.raw("/etcdserverpb.KV/NoSuchMethod", new Uint8Array(0));
    assert.ok(!(answer instanceof Uint8Array));
    assert.equal(answer.code, 12);
    assert.match(answer.details, /NoSuchMethod/);
  });
});
