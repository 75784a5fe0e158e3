/** The calls of clients as bytes of the wire: which method, which message, and what its answer says. */
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseKeepAliveRequestSchema,
  LeaseKeepAliveResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
} from "../../wire/gen/etcdserverpb/lease_pb.ts";
import {
  decodeCompactionResponse,
  decodeDeleteRangeResponse,
  decodePutResponse,
  decodeRangeResponse,
  decodeTxnResponse,
  encodeCompactionRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeRangeRequest,
  encodeTxnRequest,
} from "../../wire/kv-codec.ts";
import type { ClientRequest, ClientResult } from "../history.ts";

export interface Encoded {
  readonly path: string;
  readonly bytes: Uint8Array;
}

export interface Answered {
  readonly revision: number;
  readonly result: ClientResult;
}

export function encodeMessage<D extends DescMessage>(schema: D, content: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, content));
}

export function encodeRequest(request: ClientRequest): Encoded {
  switch (request.type) {
    case "range":
      return { path: "/etcdserverpb.KV/Range", bytes: encodeRangeRequest(request.request) };
    case "put":
      return { path: "/etcdserverpb.KV/Put", bytes: encodePutRequest(request.request) };
    case "deleteRange":
      return { path: "/etcdserverpb.KV/DeleteRange", bytes: encodeDeleteRangeRequest(request.request) };
    case "txn":
      return { path: "/etcdserverpb.KV/Txn", bytes: encodeTxnRequest(request.request) };
    case "compact": {
      const bytes = encodeCompactionRequest({ revision: request.revision, physical: false });
      return { path: "/etcdserverpb.KV/Compact", bytes };
    }
    case "leaseGrant": {
      const bytes = encodeMessage(LeaseGrantRequestSchema, { ID: request.id, TTL: BigInt(request.ttl) });
      return { path: "/etcdserverpb.Lease/LeaseGrant", bytes };
    }
    case "leaseRevoke": {
      const bytes = encodeMessage(LeaseRevokeRequestSchema, { ID: request.id });
      return { path: "/etcdserverpb.Lease/LeaseRevoke", bytes };
    }
    case "leaseKeepAlive": {
      const bytes = encodeMessage(LeaseKeepAliveRequestSchema, { ID: request.id });
      return { path: "/etcdserverpb.Lease/LeaseKeepAlive", bytes };
    }
  }
}

export function decodeAnswer(type: ClientRequest["type"], bytes: Uint8Array): Answered {
  switch (type) {
    case "range": {
      const { header, result } = decodeRangeResponse(bytes);
      return { revision: header.revision, result: { type, result } };
    }
    case "put": {
      const { header, result } = decodePutResponse(bytes);
      return { revision: header.revision, result: { type, result } };
    }
    case "deleteRange": {
      const { header, result } = decodeDeleteRangeResponse(bytes);
      return { revision: header.revision, result: { type, result } };
    }
    case "txn": {
      const { header, result } = decodeTxnResponse(bytes);
      return { revision: header.revision, result: { type, result } };
    }
    case "compact":
      return { revision: decodeCompactionResponse(bytes).revision, result: { type } };
    case "leaseGrant": {
      const { header, TTL } = fromBinary(LeaseGrantResponseSchema, bytes);
      return { revision: Number(header?.revision ?? 0n), result: { type, ttl: Number(TTL) } };
    }
    case "leaseRevoke": {
      const { header } = fromBinary(LeaseRevokeResponseSchema, bytes);
      return { revision: Number(header?.revision ?? 0n), result: { type } };
    }
    case "leaseKeepAlive": {
      const { header, TTL } = fromBinary(LeaseKeepAliveResponseSchema, bytes);
      return { revision: Number(header?.revision ?? 0n), result: { type, ttl: Number(TTL) } };
    }
  }
}
