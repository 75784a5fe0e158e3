/** A keyspace with short names for what tests do to it. What fails throws the error that a client would get. */
import type {
  Compare,
  DeleteRangeRequest,
  DeleteRangeResult,
  KeyValue,
  PutRequest,
  PutResult,
  RangeRequest,
  RangeResult,
  RequestOp,
  TxnRequest,
  TxnResult,
} from "../../wire/kv.ts";
import { NO_RANGE } from "../../wire/request-codec.ts";
import { type Command, encodeCommand } from "../command.ts";
import type { KeyspaceHash, KeyspaceImage } from "../image.ts";
import { type CommandResult, Keyspace, KeyspaceLoader } from "../keyspace.ts";

export const NO_PUT: PutRequest = {
  key: "k",
  value: "",
  lease: 0n,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};
export const NO_DELETE: DeleteRangeRequest = { key: "k", rangeEnd: "", prevKv: false };
export const NO_TXN: TxnRequest = { compare: [], success: [], failure: [] };
export const NO_COMPARE: Compare = {
  result: 0,
  target: 0,
  key: "k",
  rangeEnd: "",
  version: 0,
  createRevision: 0,
  modRevision: 0,
  value: "",
  lease: 0n,
};

export function putOp(request: Partial<PutRequest>): RequestOp {
  return { type: "put", request: { ...NO_PUT, ...request } };
}

export function deleteOp(request: Partial<DeleteRangeRequest>): RequestOp {
  return { type: "deleteRange", request: { ...NO_DELETE, ...request } };
}

export function rangeOp(request: Partial<RangeRequest>): RequestOp {
  return { type: "range", request: { ...NO_RANGE, key: "k", ...request } };
}

export function txnOp(request: Partial<TxnRequest>): RequestOp {
  return { type: "txn", request: { ...NO_TXN, ...request } };
}

/** A record without what clients do not see. */
export function plain({ key, createRevision, modRevision, version, value, lease }: KeyValue): KeyValue {
  return { key, createRevision, modRevision, version, value, lease };
}

/** The code of what is thrown; "ok" if nothing is. */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "ok";
}

/** Runs an image's hash to its end. */
export function hashOf(image: KeyspaceImage, revision = 0): KeyspaceHash {
  const slices = image.hash(revision);
  for (;;) {
    const slice = slices.next();
    if (slice.done) return slice.value;
  }
}

/** All chunks of an image, copied. */
export function bytesOf(image: KeyspaceImage, chunkBytes: number = 1 << 16): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (const chunk of image.chunks(chunkBytes)) chunks.push(new Uint8Array(chunk));
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/** Loads a snapshot in chunks of a given size. */
export function loaded(bytes: Uint8Array, chunkBytes: number = bytes.length): Keyspace {
  const loader = new KeyspaceLoader();
  for (let at = 0; at < bytes.length; at += chunkBytes) loader.push(bytes.subarray(at, at + chunkBytes));
  return loader.finish();
}

export class Driver {
  readonly keyspace: Keyspace;

  constructor(keyspace: Keyspace = new Keyspace()) {
    this.keyspace = keyspace;
  }

  apply(command: Command): CommandResult {
    const result = this.keyspace.apply(encodeCommand(command));
    if (result.type === "error") throw result.error;
    return result;
  }

  put(key: string, value = "", more: Partial<PutRequest> = {}): PutResult {
    const result = this.apply({ type: "put", request: { ...NO_PUT, key, value, ...more } });
    return result.type === "put" ? result.result : unexpected(result);
  }

  delete(key: string, more: Partial<DeleteRangeRequest> = {}): DeleteRangeResult {
    const result = this.apply({ type: "deleteRange", request: { ...NO_DELETE, key, ...more } });
    return result.type === "deleteRange" ? result.result : unexpected(result);
  }

  txn(request: Partial<TxnRequest>): TxnResult {
    const result = this.apply({ type: "txn", request: { ...NO_TXN, ...request } });
    return result.type === "txn" ? result.result : unexpected(result);
  }

  compact(revision: number): void {
    this.apply({ type: "compact", revision });
  }

  grant(id: bigint, ttl = 60): number {
    const result = this.apply({ type: "leaseGrant", id, ttl });
    return result.type === "leaseGrant" ? result.ttl : unexpected(result);
  }

  revoke(id: bigint): void {
    this.apply({ type: "leaseRevoke", id });
  }

  range(request: Partial<RangeRequest>): RangeResult {
    return this.keyspace.range({ ...NO_RANGE, key: "\0", rangeEnd: "\0", ...request });
  }

  /** The keys that a range gives, in its order. */
  keys(request: Partial<RangeRequest> = {}): string[] {
    return this.range(request).kvs.map(({ key }) => key);
  }

  get(key: string, revision = 0): KeyValue | null {
    const [kv] = this.range({ key, rangeEnd: "", revision }).kvs;
    return kv === undefined ? null : plain(kv);
  }

  /** Changes from a revision on: "key@revision", with "!" for a deletion and the value before, if it can be read. */
  told(from: number): string[] {
    const told: string[] = [];
    this.keyspace.forEachChange(from, (record) => {
      const previous = this.keyspace.previous(record);
      const before = previous === null ? "" : `<${previous.value}`;
      told.push(`${record.key}${record.deleted ? "!" : ""}@${record.modRevision}${before}`);
      return true;
    });
    return told;
  }
}

function unexpected(result: CommandResult): never {
  throw new Error(`a result of type ${result.type} was not expected`);
}
