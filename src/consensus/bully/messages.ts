/**
 * What members say to each other, and how it looks on the wire (little endian).
 *
 *     message = version u8 (1) | type u8 | incarnation u32 | generation u64 | body
 *
 *     1 election     round u64 | takes over u8 (0, 1)      to everybody higher: who of you is there?
 *     2 answer       round u64 | to incarnation u32        I am, leave it to me
 *     3 coordinator  -                                     I lead; also the heartbeat
 *     4 objection    to incarnation u32                    you count too low to lead, count on from my generation
 *
 * `generation` is the one it leads in a coordinator, else the highest that the sender has heard of.
 */
import { ByteReader, ByteWriter, DecodeError } from "../bytes.ts";

/** What every message says about its sender. */
export interface BullyEnvelope {
  /** From 1 to 2^32-1. */
  readonly incarnation: number;
  /** From 0 to `largestGeneration`. */
  readonly generation: number;
}

export type BullyMessage =
  /** `round` counts the elections of the sender's life; `takesOver`: it would not follow a leader below itself. */
  | { readonly type: "election"; readonly round: number; readonly takesOver: boolean }
  /** Round and incarnation of the question come back, so that no late answer is taken for one to a new question. */
  | { readonly type: "answer"; readonly round: number; readonly toIncarnation: number }
  | { readonly type: "coordinator" }
  | { readonly type: "objection"; readonly toIncarnation: number };

/**
 * Where counting ends: no group gets there by holding elections. A generation that a broken peer made up cannot push
 * the others beyond it, where they could no longer tell each other.
 */
export const largestGeneration: number = 2 ** 52;

const version = 1;
const headerSize = 14;
const typeNumbers = { election: 1, answer: 2, coordinator: 3, objection: 4 } as const;
const bodySizes = { election: 9, answer: 12, coordinator: 0, objection: 4 } as const;

export function encodeBullyMessage(envelope: BullyEnvelope, message: BullyMessage): Uint8Array {
  const writer = new ByteWriter(headerSize + bodySizes[message.type]);
  writer.u8(version);
  writer.u8(typeNumbers[message.type]);
  writer.u32(envelope.incarnation);
  writer.u53(envelope.generation);
  if (message.type === "election" || message.type === "answer") writer.u53(message.round);
  if (message.type === "election") writer.u8(message.takesOver ? 1 : 0);
  if (message.type === "answer" || message.type === "objection") writer.u32(message.toIncarnation);
  return writer.finish();
}

/** @throws DecodeError for anything a sound member would not have sent. */
export function decodeBullyMessage(bytes: Uint8Array): {
  readonly envelope: BullyEnvelope;
  readonly message: BullyMessage;
} {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== version) throw new DecodeError(`message version ${found} is not known, only ${version}`);
  const type = reader.u8();
  const incarnation = incarnationOf(reader);
  const generation = reader.u53();
  if (generation > largestGeneration) throw new DecodeError(`generation ${generation} is out of reach`);
  const message = decodeBody(reader, type);
  reader.end();
  return { envelope: { incarnation, generation }, message };
}

function decodeBody(reader: ByteReader, type: number): BullyMessage {
  switch (type) {
    case typeNumbers.election:
      return { type: "election", round: reader.u53(), takesOver: flagOf(reader) };
    case typeNumbers.answer:
      return { type: "answer", round: reader.u53(), toIncarnation: incarnationOf(reader) };
    case typeNumbers.coordinator:
      return { type: "coordinator" };
    case typeNumbers.objection:
      return { type: "objection", toIncarnation: incarnationOf(reader) };
    default:
      throw new DecodeError(`unknown message type ${type}`);
  }
}

function flagOf(reader: ByteReader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw new DecodeError(`flag ${flag} is neither 0 nor 1`);
  return flag === 1;
}

function incarnationOf(reader: ByteReader): number {
  const incarnation = reader.u32();
  if (incarnation === 0) throw new DecodeError("incarnation 0");
  return incarnation;
}
