/** Messages as bytes and back; the layouts are in messages.ts. Nothing that a peer sends is believed unread. */
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";
import { type Entry, EntryKind } from "../engine.ts";
import { decodeMembershipEntry, isJoint } from "../membership.ts";
import {
  type Accept,
  type Envelope,
  headerSize,
  type Message,
  type PromiseMessage,
  type ReportedSlot,
  typeNumbers,
} from "./messages.ts";

const version = 1;
/** No group gets here by holding elections; leaves room to go on counting. */
const largestRound = 2 ** 52;
const entryHeaderSize = 13;
const slotHeaderSize = 21;
/** The most parts that one promise may come in. */
const maxParts = 2 ** 16;

function start(envelope: Envelope, type: Message["type"], flags: number, bodySize: number): ByteWriter {
  const writer = new ByteWriter(headerSize + bodySize);
  writer.u8(version);
  writer.u8(typeNumbers[type]);
  writer.u8(flags);
  writer.u8((envelope.untrusted ? 1 : 0) | (envelope.stalled ? 2 : 0));
  writer.i32(envelope.priority);
  writer.u32(envelope.incarnation);
  writer.u16(envelope.phase2);
  writer.u53(envelope.round);
  return writer;
}

/** The message in pieces to be sent one behind the other. The entries' data are pieces of their own, not copied. */
export function encodeMessage(envelope: Envelope, message: Message): Uint8Array[] {
  switch (message.type) {
    case "accept":
      return encodeAccept(envelope, message);
    case "accepted": {
      const writer = start(envelope, message.type, 0, 12);
      writer.u32(message.session);
      writer.u53(message.held);
      return [writer.finish()];
    }
    case "heartbeat": {
      const writer = start(envelope, message.type, (message.answer ? 1 : 0) | (message.trusted ? 2 : 0), 32);
      writer.u32(message.session);
      writer.u32(message.toIncarnation);
      writer.u53(message.beat);
      writer.f64(message.sentAt);
      writer.u53(message.decided);
      return [writer.finish()];
    }
    case "heartbeatResponse": {
      const writer = start(envelope, message.type, 0, 40);
      writer.u32(message.session);
      writer.u53(message.beat);
      writer.f64(message.sentAt);
      writer.u32(message.promiseMs);
      writer.u53(message.held);
      writer.u53(message.resumes);
      return [writer.finish()];
    }
    case "survey":
    case "prepare": {
      const writer = start(envelope, message.type, message.type === "prepare" && message.transfer ? 1 : 0, 8);
      writer.u53(message.first);
      return [writer.finish()];
    }
    case "surveyResponse": {
      const writer = start(envelope, message.type, message.granted ? 1 : 0, 8);
      writer.u53(message.asked);
      return [writer.finish()];
    }
    case "promise":
      return encodePromise(envelope, message);
    case "nack": {
      const writer = start(envelope, message.type, 0, 8);
      writer.u53(message.asked);
      return [writer.finish()];
    }
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

function encodeAccept(envelope: Envelope, message: Accept): Uint8Array[] {
  const { entries } = message;
  const writer = start(envelope, message.type, 0, 24 + entryHeaderSize * entries.length);
  writer.u32(message.session);
  writer.u53(message.first);
  writer.u53(message.decided);
  writer.u32(entries.length);
  const pieces: Uint8Array[] = [];
  for (const { kind, epoch, data } of entries) {
    writer.u8(kind);
    writer.u53(epoch);
    writer.u32(data.length);
    if (data.length > 0) pieces.push(data);
  }
  pieces.unshift(writer.finish());
  return pieces;
}

function encodePromise(envelope: Envelope, message: PromiseMessage): Uint8Array[] {
  const { slots } = message;
  const writer = start(envelope, message.type, 0, 40 + slotHeaderSize * slots.length);
  writer.u53(message.first);
  writer.u53(message.decided);
  writer.u32(message.reply);
  writer.u32(message.part);
  writer.u32(message.parts);
  writer.u53(message.from);
  writer.u32(slots.length);
  const pieces: Uint8Array[] = [];
  for (const { entry, round } of slots) {
    writer.u8(entry.kind);
    writer.u53(entry.epoch);
    writer.u53(round);
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
  const phase2 = reader.u16();
  const round = reader.u53();
  if (round > largestRound) throw new DecodeError(`round ${round} is out of reach`);
  const [untrusted, stalled] = [(stance & 1) !== 0, (stance & 2) !== 0];
  const envelope = { round, incarnation, priority, untrusted, stalled, phase2 };
  if (flags > (type === typeNumbers.heartbeat ? 3 : 1)) throw new DecodeError(`unknown flags ${flags}`);
  const message = decodeBody(reader, type, flags, round);
  reader.end();
  return { envelope, message };
}

function decodeBody(reader: ByteReader, type: number, flags: number, round: number): Message {
  const flag = (flags & 1) !== 0;
  switch (type) {
    case typeNumbers.accept:
      return decodeAccept(reader, round);
    case typeNumbers.accepted:
      return { type: "accepted", session: reader.u32(), held: reader.u53() };
    case typeNumbers.heartbeat:
      return {
        type: "heartbeat",
        answer: flag,
        trusted: (flags & 2) !== 0,
        session: reader.u32(),
        toIncarnation: reader.u32(),
        beat: reader.u53(),
        sentAt: reader.f64(),
        decided: reader.u53(),
      };
    case typeNumbers.heartbeatResponse:
      return {
        type: "heartbeatResponse",
        session: reader.u32(),
        beat: reader.u53(),
        sentAt: reader.f64(),
        promiseMs: reader.u32(),
        held: reader.u53(),
        resumes: reader.u53(),
      };
    case typeNumbers.survey:
      return { type: "survey", first: decodeFirst(reader) };
    case typeNumbers.surveyResponse:
      return { type: "surveyResponse", granted: flag, asked: reader.u53() };
    case typeNumbers.prepare:
      return { type: "prepare", transfer: flag, first: decodeFirst(reader) };
    case typeNumbers.promise:
      return decodePromise(reader, round);
    case typeNumbers.nack:
      return { type: "nack", asked: reader.u53() };
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

function decodeFirst(reader: ByteReader): number {
  const first = reader.u53();
  if (first === 0) throw new DecodeError("slot 0: the first slot is 1");
  return first;
}

function decodeAccept(reader: ByteReader, round: number): Accept {
  const session = reader.u32();
  const first = decodeFirst(reader);
  const decided = reader.u53();
  const count = reader.u32();
  if (count * entryHeaderSize > reader.left) throw new DecodeError(`${count} entries do not fit`);
  if (first + count > Number.MAX_SAFE_INTEGER) throw new DecodeError(`index ${first} is too large`);
  const headers: { kind: EntryKind; epoch: number; size: number }[] = [];
  let newest = 0;
  for (let at = 0; at < count; at++) {
    const header = { kind: entryKind(reader.u8(), false), epoch: reader.u53(), size: reader.u32() };
    if (header.epoch < newest || header.epoch > round) {
      throw new DecodeError(`an entry of epoch ${header.epoch} after ${newest}, in a message of round ${round}`);
    }
    newest = header.epoch;
    headers.push(header);
  }
  const entries: Entry[] = [];
  for (const { kind, epoch, size } of headers) {
    entries.push(decodeEntry(reader, kind, epoch, first + entries.length, size));
  }
  return { type: "accept", session, first, decided, entries };
}

function decodePromise(reader: ByteReader, round: number): PromiseMessage {
  const first = decodeFirst(reader);
  const decided = reader.u53();
  const reply = reader.u32();
  const part = reader.u32();
  const parts = reader.u32();
  if (parts === 0 || parts > maxParts || part >= parts) throw new DecodeError(`part ${part} of ${parts}`);
  const from = reader.u53();
  const count = reader.u32();
  if (count * slotHeaderSize > reader.left) throw new DecodeError(`${count} slots do not fit`);
  if (from < first || from + count > Number.MAX_SAFE_INTEGER)
    throw new DecodeError(`slots from ${from} on, ${first} asked`);
  const headers: { kind: EntryKind; epoch: number; round: number; size: number }[] = [];
  for (let at = 0; at < count; at++) {
    const header = { kind: entryKind(reader.u8(), true), epoch: reader.u53(), round: reader.u53(), size: reader.u32() };
    const isOpen = from + at > decided;
    const hasValue = header.kind !== EntryKind.hole;
    if (header.round >= round || header.epoch > round) {
      throw new DecodeError(`a slot of epoch ${header.epoch}, accepted in ${header.round}, promised to round ${round}`);
    }
    if (isOpen ? hasValue !== header.round > 0 : !hasValue) {
      throw new DecodeError(`slot ${from + at} of kind ${header.kind} was accepted in round ${header.round}`);
    }
    headers.push(header);
  }
  const slots: ReportedSlot[] = [];
  for (const header of headers) {
    const entry = decodeEntry(reader, header.kind, header.epoch, from + slots.length, header.size);
    slots.push({ entry, round: header.round });
  }
  return { type: "promise", first, decided, reply, part, parts, from, slots };
}

function decodeEntry(reader: ByteReader, kind: EntryKind, epoch: number, index: number, size: number): Entry {
  const data = reader.raw(size);
  if (kind === EntryKind.membership && isJoint(decodeMembershipEntry(data).membership)) {
    throw new DecodeError(`a joint membership in slot ${index}`);
  }
  return { epoch, index, kind, data };
}

function entryKind(value: number, holes: boolean): EntryKind {
  if (value === EntryKind.command || value === EntryKind.membership || value === EntryKind.noop) return value;
  if (holes && value === EntryKind.hole) return value;
  throw new DecodeError(`unknown entry kind ${value}`);
}
