/**
 * `-w json` in etcdctl's shapes: its field names, keys and values in base64, empty fields left out, 64-bit numbers as
 * bare digits (a JavaScript reader loses precision there, as with etcdctl).
 */
import type { WatchBatch } from "../../store/store.ts";
import type { ResponseHeader as WireHeader } from "../../wire/gen/etcdserverpb/header_pb.ts";
import type {
  ByteString,
  DeleteRangeResult,
  KeyValue,
  PutResult,
  RangeResult,
  ResponseHeader,
  ResponseOp,
  TxnResult,
} from "../../wire/kv.ts";

export type Json = string | number | bigint | boolean | null | undefined | readonly Json[] | JsonObject;
/** Fields that are undefined are not written. */
export interface JsonObject {
  readonly [field: string]: Json;
}

/** JSON text on one line; bigints as bare digits. */
export function stringify(value: Json): string {
  if (value === null || value === undefined) return "null";
  if (typeof value === "bigint") return value.toString();
  if (typeof value !== "object") return JSON.stringify(value);
  if (isList(value)) return `[${value.map(stringify).join(",")}]`;
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${stringify(field)}`).join(",")}}`;
}

function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value);
}

/** Leaves out what is empty in Go's eyes: 0, "", false, null, an empty list. */
export function withoutEmpty(object: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: Json): boolean {
  if (value === null || value === undefined || value === 0 || value === 0n || value === "" || value === false)
    return true;
  return Array.isArray(value) && value.length === 0;
}

export function base64(bytes: ByteString): string {
  return Buffer.from(bytes, "latin1").toString("base64");
}

/** A header of either codec; undefined (left out) if there is none. */
export function headerJson(header: ResponseHeader | WireHeader | undefined): JsonObject | undefined {
  if (header === undefined) return undefined;
  const { clusterId, memberId, revision, raftTerm } = header;
  return withoutEmpty({ cluster_id: clusterId, member_id: memberId, revision, raft_term: raftTerm });
}

export function keyValueJson(kv: KeyValue): JsonObject {
  return withoutEmpty({
    key: base64(kv.key),
    create_revision: kv.createRevision,
    mod_revision: kv.modRevision,
    version: kv.version,
    value: base64(kv.value),
    lease: kv.lease,
  });
}

export function rangeJson(header: JsonObject | undefined, result: RangeResult): JsonObject {
  return { header, ...withoutEmpty({ kvs: result.kvs.map(keyValueJson), more: result.more, count: result.count }) };
}

export function putJson(header: JsonObject | undefined, result: PutResult): JsonObject {
  return { header, prev_kv: result.prevKv === null ? undefined : keyValueJson(result.prevKv) };
}

export function deleteJson(header: JsonObject | undefined, result: DeleteRangeResult): JsonObject {
  return { header, ...withoutEmpty({ deleted: result.deleted, prev_kvs: result.prevKvs.map(keyValueJson) }) };
}

export function txnJson(header: JsonObject | undefined, result: TxnResult): JsonObject {
  return { header, ...withoutEmpty({ succeeded: result.succeeded, responses: result.responses.map(responseOpJson) }) };
}

function responseOpJson(op: ResponseOp): JsonObject {
  const header = withoutEmpty({ revision: op.revision });
  switch (op.type) {
    case "range":
      return { Response: { response_range: rangeJson(header, op.result) } };
    case "put":
      return { Response: { response_put: putJson(header, op.result) } };
    case "deleteRange":
      return { Response: { response_delete_range: deleteJson(header, op.result) } };
    case "txn":
      return { Response: { response_txn: txnJson(header, op.result) } };
  }
}

/** A store tells of each revision, not of the member that told it: the header has no more than that. */
export function watchJson({ revision, events }: WatchBatch): JsonObject {
  return {
    Header: { revision },
    Events: events.map(({ type, kv, prevKv }) => ({
      type: type === "delete" ? 1 : undefined,
      kv: keyValueJson(kv),
      prev_kv: prevKv === null ? undefined : keyValueJson(prevKv),
    })),
    CompactRevision: 0,
    Canceled: false,
    Created: false,
  };
}
