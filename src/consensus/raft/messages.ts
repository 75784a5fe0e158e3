/**
 * What members say to each other, and how it looks on the wire (little endian).
 *
 *     message = version u8 (1) | type u8 | flags u8 | stance u8 | priority i32 | incarnation u32 | epoch u64 | body
 *     stance  = 1: sender is untrusted | 2: sender's disk is stalled
 *
 *     1 append            session u32 | prev index u64 | prev epoch u64 | commit u64 | count u32
 *                         | count x (kind u8 | epoch u64 | length u32) | the entries' data, one behind the other
 *     2 appendResponse    session u32 | index u64 | hint index u64 | hint epoch u64 | last index u64     flags 1: ok
 *     3 heartbeat         session u32 | to incarnation u32 | round u64 | sent f64 | commit index u64
 *                         | commit epoch u64                                    flags 1: answer | 2: trusted again
 *     4 heartbeatResponse session u32 | round u64 | sent f64 | promise ms u32
 *     5 preVote           last index u64 | last epoch u64
 *     6 preVoteResponse   proposed epoch u64                                                             flags 1: yes
 *     7 vote              last index u64 | last epoch u64                                           flags 1: transfer
 *     8 voteResponse      -                                                                              flags 1: yes
 *     9 timeoutNow        -
 *    10 readRequest       token u64
 *    11 readResponse      token u64 | index u64                                                          flags 1: ok
 *
 * A pre-vote carries the sender's own epoch; the one it would stand in is one higher.
 */
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { decodeMembershipEntry } from "../membership.ts";

/** What every message says about its sender. */
export interface Envelope {
  readonly epoch: number;
  /** A number the sender drew when it started: tells a restarted member from the one before. Never 0. */
  readonly incarnation: number;
  readonly priority: number;
  readonly untrusted: boolean;
  readonly stalled: boolean;
}

export interface AppendMessage {
  readonly type: "append";
  /** Counts how often the leader had to start anew with this peer, because it came back as another incarnation. */
  readonly session: number;
  readonly prevIndex: number;
  readonly prevEpoch: number;
  readonly commit: number;
  readonly entries: readonly Entry[];
}

export interface AppendResponse {
  readonly type: "appendResponse";
  readonly session: number;
  readonly ok: boolean;
  /** ok: everything up to here matches and is durable. Otherwise: the `prevIndex` that did not match. */
  readonly index: number;
  /** Not ok: where the logs may agree at best, with the epoch found there. */
  readonly hintIndex: number;
  readonly hintEpoch: number;
  readonly lastIndex: number;
}

export interface Heartbeat {
  readonly type: "heartbeat";
  readonly session: number;
  /** The incarnation of the receiver that the leader knows; 0: none yet. */
  readonly toIncarnation: number;
  readonly round: number;
  /** The leader's own clock when it sent this; comes back in the answer, so that a lease starts at the sending. */
  readonly sentAt: number;
  readonly commitIndex: number;
  /** With its epoch, a commit index is safe to tell even a peer whose log is not known. */
  readonly commitEpoch: number;
  readonly answer: boolean;
  /** The receiver, in the incarnation named, has again everything it ever acknowledged. */
  readonly trusted: boolean;
}

export interface HeartbeatResponse {
  readonly type: "heartbeatResponse";
  readonly session: number;
  readonly round: number;
  readonly sentAt: number;
  /** From the receipt of the heartbeat on, the sender helps elect nobody else for this long; 0: no promise. */
  readonly promiseMs: number;
}

export interface VoteRequest<T extends "preVote" | "vote" = "preVote" | "vote"> {
  readonly type: T;
  readonly lastIndex: number;
  readonly lastEpoch: number;
  /** The leader itself asked for this election. */
  readonly transfer: boolean;
}

export type Message =
  | AppendMessage
  | AppendResponse
  | Heartbeat
  | HeartbeatResponse
  | VoteRequest<"preVote">
  | VoteRequest<"vote">
  | { readonly type: "preVoteResponse"; readonly proposedEpoch: number; readonly granted: boolean }
  | { readonly type: "voteResponse"; readonly granted: boolean }
  | { readonly type: "timeoutNow" }
  | { readonly type: "readRequest"; readonly token: number }
  | { readonly type: "readResponse"; readonly token: number; readonly index: number; readonly ok: boolean };

const version = 1;
/** No group gets here by holding elections; leaves room to go on counting. */
const largestEpoch = 2 ** 52;
const headerSize = 20;
const entryHeaderSize = 13;

export const typeNumbers: { readonly [T in Message["type"]]: number } = {
  append: 1,
  appendResponse: 2,
  heartbeat: 3,
  heartbeatResponse: 4,
  preVote: 5,
  preVoteResponse: 6,
  vote: 7,
  voteResponse: 8,
  timeoutNow: 9,
  readRequest: 10,
  readResponse: 11,
};

function start(envelope: Envelope, type: Message["type"], flags: number, bodySize: number): ByteWriter {
  const writer = new ByteWriter(headerSize + bodySize);
  writer.u8(version);
  writer.u8(typeNumbers[type]);
  writer.u8(flags);
  writer.u8((envelope.untrusted ? 1 : 0) | (envelope.stalled ? 2 : 0));
  writer.i32(envelope.priority);
  writer.u32(envelope.incarnation);
  writer.u53(envelope.epoch);
  return writer;
}

/** The message in pieces to be sent one behind the other. The entries' data are pieces of their own, not copied. */
export function encodeMessage(envelope: Envelope, message: Message): Uint8Array[] {
  switch (message.type) {
    case "append":
      return encodeAppend(envelope, message);
    case "appendResponse": {
      const writer = start(envelope, message.type, message.ok ? 1 : 0, 36);
      writer.u32(message.session);
      writer.u53(message.index);
      writer.u53(message.hintIndex);
      writer.u53(message.hintEpoch);
      writer.u53(message.lastIndex);
      return [writer.finish()];
    }
    case "heartbeat": {
      const writer = start(envelope, message.type, (message.answer ? 1 : 0) | (message.trusted ? 2 : 0), 40);
      writer.u32(message.session);
      writer.u32(message.toIncarnation);
      writer.u53(message.round);
      writer.f64(message.sentAt);
      writer.u53(message.commitIndex);
      writer.u53(message.commitEpoch);
      return [writer.finish()];
    }
    case "heartbeatResponse": {
      const writer = start(envelope, message.type, 0, 24);
      writer.u32(message.session);
      writer.u53(message.round);
      writer.f64(message.sentAt);
      writer.u32(message.promiseMs);
      return [writer.finish()];
    }
    case "preVote":
    case "vote": {
      const writer = start(envelope, message.type, message.transfer ? 1 : 0, 16);
      writer.u53(message.lastIndex);
      writer.u53(message.lastEpoch);
      return [writer.finish()];
    }
    case "preVoteResponse": {
      const writer = start(envelope, message.type, message.granted ? 1 : 0, 8);
      writer.u53(message.proposedEpoch);
      return [writer.finish()];
    }
    case "voteResponse":
      return [start(envelope, message.type, message.granted ? 1 : 0, 0).finish()];
    case "timeoutNow":
      return [start(envelope, message.type, 0, 0).finish()];
    case "readRequest": {
      const writer = start(envelope, message.type, 0, 8);
      writer.u53(message.token);
      return [writer.finish()];
    }
    case "readResponse": {
      const writer = start(envelope, message.type, message.ok ? 1 : 0, 16);
      writer.u53(message.token);
      writer.u53(message.index);
      return [writer.finish()];
    }
  }
}

function encodeAppend(envelope: Envelope, message: AppendMessage): Uint8Array[] {
  const { entries } = message;
  const writer = start(envelope, message.type, 0, 32 + entryHeaderSize * entries.length);
  writer.u32(message.session);
  writer.u53(message.prevIndex);
  writer.u53(message.prevEpoch);
  writer.u53(message.commit);
  writer.u32(entries.length);
  const pieces: Uint8Array[] = [];
  for (const entry of entries) {
    writer.u8(entry.kind);
    writer.u53(entry.epoch);
    writer.u32(entry.data.length);
    if (entry.data.length > 0) pieces.push(entry.data);
  }
  pieces.unshift(writer.finish());
  return pieces;
}

/** @throws DecodeError for anything a sound engine would not have sent. Entry data are views of `bytes`. */
export function decodeMessage(bytes: Uint8Array): { readonly envelope: Envelope; readonly message: Message } {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== version) throw new DecodeError(`message version ${found} is not known, only ${version}`);
  const type = reader.u8();
  const flags = reader.u8();
  const stance = reader.u8();
  if (stance > 3) throw new DecodeError(`unknown stance ${stance}`);
  const priority = reader.i32();
  const incarnation = reader.u32();
  if (incarnation === 0) throw new DecodeError("incarnation 0");
  const epoch = reader.u53();
  if (epoch > largestEpoch) throw new DecodeError(`epoch ${epoch} is out of reach`);
  const envelope = { epoch, incarnation, priority, untrusted: (stance & 1) !== 0, stalled: (stance & 2) !== 0 };
  if (flags > (type === typeNumbers.heartbeat ? 3 : 1)) throw new DecodeError(`unknown flags ${flags}`);
  const message = decodeBody(reader, type, flags, epoch);
  reader.end();
  return { envelope, message };
}

function decodeBody(reader: ByteReader, type: number, flags: number, epoch: number): Message {
  const flag = (flags & 1) !== 0;
  switch (type) {
    case typeNumbers.append:
      return decodeAppend(reader, epoch);
    case typeNumbers.appendResponse:
      return {
        type: "appendResponse",
        ok: flag,
        session: reader.u32(),
        index: reader.u53(),
        hintIndex: reader.u53(),
        hintEpoch: reader.u53(),
        lastIndex: reader.u53(),
      };
    case typeNumbers.heartbeat:
      return {
        type: "heartbeat",
        answer: flag,
        trusted: (flags & 2) !== 0,
        session: reader.u32(),
        toIncarnation: reader.u32(),
        round: reader.u53(),
        sentAt: reader.f64(),
        commitIndex: reader.u53(),
        commitEpoch: reader.u53(),
      };
    case typeNumbers.heartbeatResponse:
      return {
        type: "heartbeatResponse",
        session: reader.u32(),
        round: reader.u53(),
        sentAt: reader.f64(),
        promiseMs: reader.u32(),
      };
    case typeNumbers.preVote:
    case typeNumbers.vote:
      return {
        type: type === typeNumbers.vote ? "vote" : "preVote",
        transfer: flag,
        lastIndex: reader.u53(),
        lastEpoch: reader.u53(),
      };
    case typeNumbers.preVoteResponse:
      return { type: "preVoteResponse", granted: flag, proposedEpoch: reader.u53() };
    case typeNumbers.voteResponse:
      return { type: "voteResponse", granted: flag };
    case typeNumbers.timeoutNow:
      return { type: "timeoutNow" };
    case typeNumbers.readRequest:
      return { type: "readRequest", token: reader.u53() };
    case typeNumbers.readResponse:
      return { type: "readResponse", ok: flag, token: reader.u53(), index: reader.u53() };
    default:
      throw new DecodeError(`unknown message type ${type}`);
  }
}

function decodeAppend(reader: ByteReader, epoch: number): AppendMessage {
  const session = reader.u32();
  const prevIndex = reader.u53();
  const prevEpoch = reader.u53();
  const commit = reader.u53();
  const count = reader.u32();
  if (count * entryHeaderSize > reader.left) throw new DecodeError(`${count} entries do not fit`);
  if (prevEpoch > epoch) throw new DecodeError(`previous entry of epoch ${prevEpoch} in a message of epoch ${epoch}`);
  if (prevIndex + count > Number.MAX_SAFE_INTEGER) throw new DecodeError(`index ${prevIndex} is too large`);
  const headers: { kind: EntryKind; epoch: number; size: number }[] = [];
  let newest = prevEpoch;
  for (let i = 0; i < count; i++) {
    const header = { kind: entryKind(reader.u8()), epoch: reader.u53(), size: reader.u32() };
    if (header.epoch < newest || header.epoch > epoch) {
      throw new DecodeError(`an entry of epoch ${header.epoch} after ${newest}, in a message of epoch ${epoch}`);
    }
    newest = header.epoch;
    headers.push(header);
  }
  const entries: Entry[] = [];
  for (const header of headers) {
    const data = reader.raw(header.size);
    if (header.kind === EntryKind.membership) decodeMembershipEntry(data);
    entries.push({ epoch: header.epoch, index: prevIndex + entries.length + 1, kind: header.kind, data });
  }
  return { type: "append", session, prevIndex, prevEpoch, commit, entries };
}

function entryKind(value: number): EntryKind {
  if (value === EntryKind.command || value === EntryKind.membership || value === EntryKind.noop) return value;
  throw new DecodeError(`unknown entry kind ${value}`);
}
