/**
 * Paxos's messages and state, as far as checks from outside need to read them: fixed fields only, no values. Layouts in
 * messages.ts. Read in place, without a reader's objects: a simulation does it twice for every message.
 */
import { DecodeError } from "../bytes.ts";
import type { EnginePeek, PeekedMessage, PeekedState } from "../peek.ts";
import { decodeHardState } from "./hard-state.ts";
import { headerSize, type Message, typeNumbers } from "./messages.ts";

const roundAt = 14;

/** Up to the end of the last field that is read here. */
const bodySizes: { readonly [T in Message["type"]]?: number } = {
  accept: 24,
  accepted: 12,
  heartbeatResponse: 24,
};

interface Layout {
  readonly type: Message["type"];
  readonly size: number;
}

/** By type number. */
const layouts: (Layout | undefined)[] = [];
for (const type of Object.keys(typeNumbers) as Message["type"][]) {
  layouts[typeNumbers[type]] = { type, size: headerSize + (bodySizes[type] ?? 0) };
}

function u32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  return (low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)) >>> 0;
}

function u53(bytes: Uint8Array, at: number): number {
  return u32(bytes, at) + u32(bytes, at + 4) * 4294967296;
}

function peekMessage(bytes: Uint8Array): PeekedMessage | null {
  const layout = layouts[bytes[1] ?? 0];
  if (layout === undefined || bytes.length < layout.size) return null;
  const { type } = layout;
  const epoch = u53(bytes, roundAt);
  const body = headerSize;
  const said = { type, epoch, vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 };
  switch (type) {
    case "accept":
      return { ...said, lastEntry: u53(bytes, body + 4) + u32(bytes, body + 20) - 1 };
    case "accepted":
      return { ...said, holds: u53(bytes, body + 4) };
    case "heartbeatResponse":
      return { ...said, promiseMs: u32(bytes, body + 20) };
    case "prepare":
      return { ...said, vote: "sender" };
    case "promise":
      return { ...said, vote: "receiver" };
    default:
      return said;
  }
}

function peekState(bytes: Uint8Array): PeekedState | null {
  try {
    const { round, proposer, promiseMs } = decodeHardState(bytes);
    return { epoch: round, vote: proposer, promiseMs };
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

export const paxosPeek: EnginePeek = { message: peekMessage, state: peekState };
