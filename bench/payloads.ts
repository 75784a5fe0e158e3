/** The bytes that h2load sends: one framed gRPC request, the same in every stream. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { PutRequestSchema, RangeRequestSchema } from "../src/wire/gen/etcdserverpb/kv_pb.ts";

export const BENCH_KEY = "/bench/key-0000001";
const VALUE_BYTES = 256;

/** What a rung asks for. */
export type Method = "put" | "range" | "serializable";

/** gRPC's five bytes before a message: not compressed, and its length. */
function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}

/** Writes the request of `method` into `folder`; returns the file and the gRPC path that it is for. */
export function writePayload(folder: string, method: Method): { readonly file: string; readonly path: string } {
  const key = Buffer.from(BENCH_KEY);
  const file = join(folder, `${method}.bin`);
  if (method === "put") {
    const request = create(PutRequestSchema, { key, value: Buffer.alloc(VALUE_BYTES, "v") });
    writeFileSync(file, framed(toBinary(PutRequestSchema, request)));
    return { file, path: "/etcdserverpb.KV/Put" };
  }
  const request = create(RangeRequestSchema, { key, serializable: method === "serializable" });
  writeFileSync(file, framed(toBinary(RangeRequestSchema, request)));
  return { file, path: "/etcdserverpb.KV/Range" };
}
