/**
 * What members say to each other, and how it looks on the wire (little endian).
 *
 *     message = version u8 (1) | type u8 | flags u8 | stance u8 | priority i32 | incarnation u32 | epoch u64 | body
 *     stance  = 1: sender is untrusted | 2: sender's disk is stalled | 4: sender leads `epoch`, a quorum follows it
 *     epoch   = the sender's accepted epoch; a leader's, and a prospective leader's, own
 *     history = current epoch u64 | last entry's epoch u64 | last entry's index u64
 *
 *     1 notification  round u64 | leader u64 | priority i32 | history           flags 1: settled, it looks for nobody
 *     2 followerInfo  session u32                              flags 1: no help to whoever prepares an epoch
 *     3 leaderInfo    session u32                              flags 1: at the wish of the leader before
 *     4 ackEpoch      session u32 | history                    flags 1: counts as this member's help
 *     5 propose       session u32 | to incarnation u32 | counter u64 | prev index u64 | prev epoch u64 | commit u64
 *                     | count u32 | count x (kind u8 | epoch u64 | length u32) | data, one behind the other
 *                                                              flags 1: NEWLEADER, the history ends here
 *     6 ack           session u32 | index u64 | epoch u64      flags 1: ok | 2: the sender adopted the epoch
 *     7 ping          session u32 | to incarnation u32 | round u64 | sent f64 | commit index u64 | commit epoch u64
 *                     | expect u64                             flags 1: answer | 2: trusted again
 *     8 pong          session u32 | round u64 | sent f64 | promise ms u32
 *     9 handOver      -
 *    10 readRequest   token u64
 *    11 readResponse  token u64 | index u64                    flags 1: ok
 *
 * In the words of the specification: a notification that votes for its receiver is that voter's FOLLOWERINFO (CEPOCH), as
 * its epoch is the accepted one; leaderInfo is LEADERINFO (NEWEPOCH); a session's first propose is DIFF or TRUNC; COMMIT and
 * INFORM are the commit index of propose and ping; the first ping behind the acknowledgement of NEWLEADER is UPTODATE (COMMIT-LD).
 */
import type { MemberId } from "../../environment.ts";
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";
import { type Entry, EntryKind, type Position } from "../engine.ts";
import { decodeMembershipEntry } from "../membership.ts";
import type { History } from "./history.ts";

/** What every message says about its sender. */
export interface Envelope {
  readonly epoch: number;
  /** A number the sender drew when it started: tells a restarted member from the one before. Never 0. */
  readonly incarnation: number;
  readonly priority: number;
  readonly untrusted: boolean;
  readonly stalled: boolean;
  /** The sender is the established leader of `epoch`. */
  readonly leads: boolean;
}

/** Whom a member would have as leader. */
export interface Vote {
  /** 0n: nobody it knows of; the history is then its own. */
  readonly leader: MemberId;
  readonly history: History;
  /** Of the leader: decides between equal histories. */
  readonly priority: number;
}

export interface Notification {
  readonly type: "notification";
  /** The logical clock of elections: votes of different rounds are not counted together. */
  readonly round: number;
  readonly vote: Vote;
  /** Not looking: the vote is the leader, or prospective leader, that the sender is with. */
  readonly settled: boolean;
}

export interface AckEpoch {
  readonly type: "ackEpoch";
  readonly session: number;
  readonly history: History;
  /** This acceptance helps the receiver alone into the epoch. Otherwise the epoch had its leader already. */
  readonly counts: boolean;
}

export interface Propose {
  readonly type: "propose";
  readonly session: number;
  /** For that life of the receiver only: a stream goes on from what it told. */
  readonly toIncarnation: number;
  /** Counts the messages of the session from 0: nothing may be missing. */
  readonly counter: number;
  readonly prevIndex: number;
  readonly prevEpoch: number;
  /** 0 before the receiver has acknowledged NEWLEADER. */
  readonly commit: number;
  readonly newLeader: boolean;
  readonly entries: readonly Entry[];
}

export interface Ack {
  readonly type: "ack";
  readonly session: number;
  readonly ok: boolean;
  /** The sender has adopted the epoch: its acknowledgement of NEWLEADER. */
  readonly adopted: boolean;
  /**
   * ok: everything up to this index equals the leader's log and is durable; the epoch is 0. Otherwise a message is missing
   * or the base is not held: synchronise anew from this entry of the sender's log.
   */
  readonly position: Position;
}

export interface Ping {
  readonly type: "ping";
  readonly session: number;
  readonly toIncarnation: number;
  readonly round: number;
  /** The leader's own clock when it sent this; comes back in the answer, so that a lease starts at the sending. */
  readonly sentAt: number;
  /** 0 before the receiver has acknowledged NEWLEADER. */
  readonly commitIndex: number;
  readonly commitEpoch: number;
  /** So many messages of the session went out a while ago and are not all acknowledged; 0: nothing is missing. */
  readonly expect: number;
  readonly answer: boolean;
  /** The receiver, in the incarnation named, has again everything it ever acknowledged. */
  readonly trusted: boolean;
}

export interface Pong {
  readonly type: "pong";
  readonly session: number;
  readonly round: number;
  readonly sentAt: number;
  /** From the receipt of the ping on, the sender helps nobody else into leadership for this long; 0: no promise. */
  readonly promiseMs: number;
}

export type Message =
  | Notification
  | { readonly type: "followerInfo"; readonly session: number; readonly refuses: boolean }
  | { readonly type: "leaderInfo"; readonly session: number; readonly transfer: boolean }
  | AckEpoch
  | Propose
  | Ack
  | Ping
  | Pong
  | { readonly type: "handOver" }
  | { readonly type: "readRequest"; readonly token: number }
  | { readonly type: "readResponse"; readonly token: number; readonly index: number; readonly ok: boolean };

const version = 1;
/** No group gets here by holding elections; leaves room to go on counting. */
const largestEpoch = 2 ** 52;
export const headerSize = 20;
const entryHeaderSize = 13;

export const typeNumbers: { readonly [T in Message["type"]]: number } = {
  notification: 1,
  followerInfo: 2,
  leaderInfo: 3,
  ackEpoch: 4,
  propose: 5,
  ack: 6,
  ping: 7,
  pong: 8,
  handOver: 9,
  readRequest: 10,
  readResponse: 11,
};

/** The flags each type may have. */
const knownFlags: { readonly [number: number]: number } = {
  [typeNumbers.ack]: 3,
  [typeNumbers.ping]: 3,
  [typeNumbers.pong]: 0,
  [typeNumbers.handOver]: 0,
  [typeNumbers.readRequest]: 0,
};

function start(envelope: Envelope, type: Message["type"], flags: number, bodySize: number): ByteWriter {
  const writer = new ByteWriter(headerSize + bodySize);
  writer.u8(version);
  writer.u8(typeNumbers[type]);
  writer.u8(flags);
  writer.u8((envelope.untrusted ? 1 : 0) | (envelope.stalled ? 2 : 0) | (envelope.leads ? 4 : 0));
  writer.i32(envelope.priority);
  writer.u32(envelope.incarnation);
  writer.u53(envelope.epoch);
  return writer;
}

/** The message in pieces to be sent one behind the other. The entries' data are pieces of their own, not copied. */
export function encodeMessage(envelope: Envelope, message: Message): Uint8Array[] {
  const { type } = message;
  switch (type) {
    case "propose":
      return encodePropose(envelope, message);
    case "notification": {
      const writer = start(envelope, type, message.settled ? 1 : 0, 44);
      writer.u53(message.round);
      writer.memberId(message.vote.leader);
      writer.i32(message.vote.priority);
      writeHistory(writer, message.vote.history);
      return [writer.finish()];
    }
    case "followerInfo":
    case "leaderInfo": {
      const flag = type === "followerInfo" ? message.refuses : message.transfer;
      const writer = start(envelope, type, flag ? 1 : 0, 4);
      writer.u32(message.session);
      return [writer.finish()];
    }
    case "ackEpoch": {
      const writer = start(envelope, type, message.counts ? 1 : 0, 28);
      writer.u32(message.session);
      writeHistory(writer, message.history);
      return [writer.finish()];
    }
    case "ack": {
      const writer = start(envelope, type, (message.ok ? 1 : 0) | (message.adopted ? 2 : 0), 20);
      writer.u32(message.session);
      writer.u53(message.position.index);
      writer.u53(message.position.epoch);
      return [writer.finish()];
    }
    case "ping": {
      const writer = start(envelope, type, (message.answer ? 1 : 0) | (message.trusted ? 2 : 0), 48);
      writer.u32(message.session);
      writer.u32(message.toIncarnation);
      writer.u53(message.round);
      writer.f64(message.sentAt);
      writer.u53(message.commitIndex);
      writer.u53(message.commitEpoch);
      writer.u53(message.expect);
      return [writer.finish()];
    }
    case "pong": {
      const writer = start(envelope, type, 0, 24);
      writer.u32(message.session);
      writer.u53(message.round);
      writer.f64(message.sentAt);
      writer.u32(message.promiseMs);
      return [writer.finish()];
    }
    case "handOver":
      return [start(envelope, type, 0, 0).finish()];
    case "readRequest": {
      const writer = start(envelope, type, 0, 8);
      writer.u53(message.token);
      return [writer.finish()];
    }
    case "readResponse": {
      const writer = start(envelope, type, message.ok ? 1 : 0, 16);
      writer.u53(message.token);
      writer.u53(message.index);
      return [writer.finish()];
    }
  }
}

function writeHistory(writer: ByteWriter, { epoch, last }: History): void {
  writer.u53(epoch);
  writer.u53(last.epoch);
  writer.u53(last.index);
}

function encodePropose(envelope: Envelope, message: Propose): Uint8Array[] {
  const { entries } = message;
  const size = 44 + entryHeaderSize * entries.length;
  const writer = start(envelope, message.type, message.newLeader ? 1 : 0, size);
  writer.u32(message.session);
  writer.u32(message.toIncarnation);
  writer.u53(message.counter);
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
  if (stance > 7) throw new DecodeError(`unknown stance ${stance}`);
  const priority = reader.i32();
  const incarnation = reader.u32();
  if (incarnation === 0) throw new DecodeError("incarnation 0");
  const epoch = reader.u53();
  if (epoch > largestEpoch) throw new DecodeError(`epoch ${epoch} is out of reach`);
  const envelope: Envelope = {
    epoch,
    incarnation,
    priority,
    untrusted: (stance & 1) !== 0,
    stalled: (stance & 2) !== 0,
    leads: (stance & 4) !== 0,
  };
  if (flags > (knownFlags[type] ?? 1)) throw new DecodeError(`unknown flags ${flags}`);
  const message = decodeBody(reader, type, flags, epoch);
  reader.end();
  return { envelope, message };
}

function decodeBody(reader: ByteReader, type: number, flags: number, epoch: number): Message {
  const flag = (flags & 1) !== 0;
  switch (type) {
    case typeNumbers.notification:
      return {
        type: "notification",
        settled: flag,
        round: reader.u53(),
        vote: { leader: reader.memberId(), priority: reader.i32(), history: readHistory(reader) },
      };
    case typeNumbers.followerInfo:
      return { type: "followerInfo", refuses: flag, session: reader.u32() };
    case typeNumbers.leaderInfo:
      return { type: "leaderInfo", transfer: flag, session: reader.u32() };
    case typeNumbers.ackEpoch:
      return { type: "ackEpoch", counts: flag, session: reader.u32(), history: readHistory(reader) };
    case typeNumbers.propose:
      return decodePropose(reader, flag, epoch);
    case typeNumbers.ack: {
      const session = reader.u32();
      const position = { index: reader.u53(), epoch: reader.u53() };
      return { type: "ack", ok: flag, adopted: (flags & 2) !== 0, session, position };
    }
    case typeNumbers.ping:
      return {
        type: "ping",
        answer: flag,
        trusted: (flags & 2) !== 0,
        session: reader.u32(),
        toIncarnation: reader.u32(),
        round: reader.u53(),
        sentAt: reader.f64(),
        commitIndex: reader.u53(),
        commitEpoch: reader.u53(),
        expect: reader.u53(),
      };
    case typeNumbers.pong:
      return {
        type: "pong",
        session: reader.u32(),
        round: reader.u53(),
        sentAt: reader.f64(),
        promiseMs: reader.u32(),
      };
    case typeNumbers.handOver:
      return { type: "handOver" };
    case typeNumbers.readRequest:
      return { type: "readRequest", token: reader.u53() };
    case typeNumbers.readResponse:
      return { type: "readResponse", ok: flag, token: reader.u53(), index: reader.u53() };
    default:
      throw new DecodeError(`unknown message type ${type}`);
  }
}

function readHistory(reader: ByteReader): History {
  return { epoch: reader.u53(), last: { epoch: reader.u53(), index: reader.u53() } };
}

function decodePropose(reader: ByteReader, newLeader: boolean, epoch: number): Propose {
  const session = reader.u32();
  const toIncarnation = reader.u32();
  const counter = reader.u53();
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
  return { type: "propose", session, toIncarnation, counter, prevIndex, prevEpoch, commit, newLeader, entries };
}

function entryKind(value: number): EntryKind {
  if (value === EntryKind.command || value === EntryKind.membership || value === EntryKind.noop) return value;
  throw new DecodeError(`unknown entry kind ${value}`);
}
