/**
 * What an entry of the log says: one byte for the kind, then the payload.
 *
 * For put, deleteRange and txn the payload is the client's protobuf request, unchanged from its socket to every disk.
 * The others are protobuf messages too, so that fields can be added: a reader passes over those it does not know.
 *
 *     compact          { 1 revision }                       leaseCheckpoint  { 1 { 1 id, 2 remaining TTL } ... }
 *     leaseGrant       { 1 id, 2 TTL }                      memberAttributes { 1 id, 2 name, 3 client URL ... }
 *     leaseRevoke      { 1 id }                             memberUpdate     { 1 id, 2 peer URL ... }
 *     alarm            { 1 action, 2 member, 3 alarm }
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { DeleteRangeRequest, LeaseId, PutRequest, TxnRequest } from "../wire/kv.ts";
import {
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeTxnRequest,
  encodeDeleteRangeRequest,
  encodePutRequest,
  encodeTxnRequest,
} from "../wire/kv-codec.ts";
import { Reader } from "../wire/reader.ts";
import { Writer } from "../wire/writer.ts";

/** The first byte. Part of the disk format. */
export const CommandKind = {
  put: 1,
  deleteRange: 2,
  txn: 3,
  compact: 4,
  leaseGrant: 5,
  leaseRevoke: 6,
  leaseCheckpoint: 7,
  alarm: 8,
  memberAttributes: 9,
  memberUpdate: 10,
} as const;
export type CommandKind = (typeof CommandKind)[keyof typeof CommandKind];

/** Seconds that a lease has left; 0: its whole TTL. */
export interface LeaseCheckpoint {
  readonly id: LeaseId;
  readonly remainingTtl: number;
}

export type Command =
  | { readonly type: "put"; readonly request: PutRequest }
  | { readonly type: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly type: "txn"; readonly request: TxnRequest }
  | { readonly type: "compact"; readonly revision: number }
  /** `ttl` in seconds. The id is chosen by the proposer, never 0n. */
  | { readonly type: "leaseGrant"; readonly id: LeaseId; readonly ttl: number }
  | { readonly type: "leaseRevoke"; readonly id: LeaseId }
  | { readonly type: "leaseCheckpoint"; readonly checkpoints: readonly LeaseCheckpoint[] }
  | {
      readonly type: "alarm";
      readonly action: "activate" | "deactivate";
      readonly memberId: bigint;
      /** An `AlarmType`. */
      readonly alarm: number;
    }
  | {
      readonly type: "memberAttributes";
      readonly id: bigint;
      readonly name: string;
      readonly clientUrls: readonly string[];
    }
  | { readonly type: "memberUpdate"; readonly id: bigint; readonly peerUrls: readonly string[] };

/** A command made from the bytes that a client sent. */
export function rawCommand(
  kind: typeof CommandKind.put | typeof CommandKind.deleteRange | typeof CommandKind.txn,
  requestBytes: Uint8Array,
): Uint8Array {
  const command = new Uint8Array(requestBytes.length + 1);
  command[0] = kind;
  command.set(requestBytes, 1);
  return command;
}

export function encodeCommand(command: Command): Uint8Array {
  switch (command.type) {
    case "put":
      return rawCommand(CommandKind.put, encodePutRequest(command.request));
    case "deleteRange":
      return rawCommand(CommandKind.deleteRange, encodeDeleteRangeRequest(command.request));
    case "txn":
      return rawCommand(CommandKind.txn, encodeTxnRequest(command.request));
    default: {
      const w = new Writer();
      write(w, command);
      // The kind is written as a tag is: one byte.
      w.tag(CommandKind[command.type]);
      return w.finish();
    }
  }
}

type SmallCommand = Exclude<Command, { type: "put" | "deleteRange" | "txn" }>;

/** Fields in descending order, each as content, then tag: see `Writer`. */
function write(w: Writer, command: SmallCommand): void {
  switch (command.type) {
    case "compact":
      w.varint(command.revision);
      w.tag(0x08);
      return;
    case "leaseGrant":
      w.varint(command.ttl);
      w.tag(0x10);
      w.varint64(command.id);
      w.tag(0x08);
      return;
    case "leaseRevoke":
      w.varint64(command.id);
      w.tag(0x08);
      return;
    case "leaseCheckpoint":
      for (const { id, remainingTtl } of command.checkpoints.toReversed()) {
        const mark = w.written;
        w.varint(remainingTtl);
        w.tag(0x10);
        w.varint64(id);
        w.tag(0x08);
        w.lengthSince(mark);
        w.tag(0x0a);
      }
      return;
    case "alarm":
      w.varint(command.alarm);
      w.tag(0x18);
      w.varint64(command.memberId);
      w.tag(0x10);
      w.varint(command.action === "activate" ? 1 : 2);
      w.tag(0x08);
      return;
    case "memberAttributes":
      writeTexts(w, 0x1a, command.clientUrls);
      writeTexts(w, 0x12, [command.name]);
      w.varint64(command.id);
      w.tag(0x08);
      return;
    case "memberUpdate":
      writeTexts(w, 0x12, command.peerUrls);
      w.varint64(command.id);
      w.tag(0x08);
  }
}

function writeTexts(w: Writer, tag: number, texts: readonly string[]): void {
  for (const text of texts.toReversed()) {
    w.text(text);
    w.tag(tag);
  }
}

/** @throws QuorateError if the bytes are no command */
export function decodeCommand(bytes: Uint8Array): Command {
  const kind = bytes[0];
  switch (kind) {
    case CommandKind.put:
      return { type: "put", request: decodePutRequest(bytes.subarray(1)) };
    case CommandKind.deleteRange:
      return { type: "deleteRange", request: decodeDeleteRangeRequest(bytes.subarray(1)) };
    case CommandKind.txn:
      return { type: "txn", request: decodeTxnRequest(bytes.subarray(1)) };
    case CommandKind.compact:
      return { type: "compact", revision: readFields(bytes).numbers[1] ?? 0 };
    case CommandKind.leaseGrant: {
      const { ids, numbers } = readFields(bytes);
      return { type: "leaseGrant", id: ids[1] ?? 0n, ttl: numbers[2] ?? 0 };
    }
    case CommandKind.leaseRevoke:
      return { type: "leaseRevoke", id: readFields(bytes).ids[1] ?? 0n };
    case CommandKind.leaseCheckpoint:
      return { type: "leaseCheckpoint", checkpoints: readCheckpoints(bytes) };
    case CommandKind.alarm: {
      const { ids, numbers } = readFields(bytes);
      const action = numbers[1];
      if (action !== 1 && action !== 2) throw malformed(`an alarm with action ${action}`);
      return {
        type: "alarm",
        action: action === 1 ? "activate" : "deactivate",
        memberId: BigInt.asUintN(64, ids[2] ?? 0n),
        alarm: numbers[3] ?? 0,
      };
    }
    case CommandKind.memberAttributes: {
      const { ids, texts } = readFields(bytes);
      const id = BigInt.asUintN(64, ids[1] ?? 0n);
      return { type: "memberAttributes", id, name: texts[2]?.[0] ?? "", clientUrls: texts[3] ?? [] };
    }
    case CommandKind.memberUpdate: {
      const { ids, texts } = readFields(bytes);
      return { type: "memberUpdate", id: BigInt.asUintN(64, ids[1] ?? 0n), peerUrls: texts[2] ?? [] };
    }
    default:
      throw malformed(kind === undefined ? "no bytes" : `kind ${kind}`);
  }
}

function malformed(found: string): QuorateError {
  return new QuorateError(
    "MALFORMED_COMMAND",
    GrpcStatus.internal,
    `an entry of the log has a command with ${found}, which this version does not know`,
  );
}

/** Fields by number: varints both as 64-bit and as plain numbers, and texts. */
interface Fields {
  readonly ids: Record<number, bigint>;
  readonly numbers: Record<number, number>;
  readonly texts: Record<number, string[]>;
}

function readFields(bytes: Uint8Array): Fields {
  const r = new Reader(bytes, "request");
  r.position = 1;
  const fields: Fields = { ids: {}, numbers: {}, texts: {} };
  while (r.position < r.length) {
    const tag = r.tag(r.length);
    const field = tag >>> 3;
    switch (tag & 7) {
      case 0: {
        const id = r.int64(r.length);
        fields.ids[field] = id;
        fields.numbers[field] = Number(id);
        break;
      }
      case 2: {
        const texts = fields.texts[field] ?? [];
        texts.push(r.text(r.length));
        fields.texts[field] = texts;
        break;
      }
      default:
        r.skip(tag, r.length);
    }
  }
  return fields;
}

function readCheckpoints(bytes: Uint8Array): LeaseCheckpoint[] {
  const r = new Reader(bytes, "request");
  r.position = 1;
  const checkpoints: LeaseCheckpoint[] = [];
  while (r.position < r.length) {
    const tag = r.tag(r.length);
    if (tag !== 0x0a) {
      r.skip(tag, r.length);
      continue;
    }
    const end = r.lengthDelimited(r.length);
    let id = 0n;
    let remainingTtl = 0;
    while (r.position < end) {
      const inner = r.tag(end);
      if (inner === 0x08) id = r.int64(end);
      else if (inner === 0x10) remainingTtl = r.number(end);
      else r.skip(inner, end);
    }
    checkpoints.push({ id, remainingTtl });
  }
  return checkpoints;
}
