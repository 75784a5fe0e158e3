/**
 * Zab's messages and state, as far as checks from outside need to read them: fixed fields only, no entries. Layouts in
 * messages.ts. Read in place, without a reader's objects: a simulation does it twice for every message.
 *
 * What other protocols call a vote is here the acceptance of an epoch: an ackEpoch that counts says that its sender
 * accepted the epoch from its receiver, a prospective leader's leaderInfo that it accepted its own.
 */
import { DecodeError } from "../bytes.ts";
import type { EnginePeek, PeekedMessage, PeekedState } from "../peek.ts";
import { decodeHardState } from "./hard-state.ts";
import { headerSize, type Message, typeNumbers } from "./messages.ts";

/** Up to the end of the last field that is read here. */
const bodySizes: { readonly [T in Message["type"]]?: number } = {
  ackEpoch: 28,
  propose: 44,
  ack: 12,
  pong: 24,
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
  const flag = ((bytes[2] as number) & 1) !== 0;
  const leads = ((bytes[3] as number) & 4) !== 0;
  const epoch = u53(bytes, 12);
  const body = headerSize;
  const said = { type, epoch, vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 };
  switch (type) {
    case "leaderInfo":
      return leads ? said : { ...said, vote: "sender" };
    case "ackEpoch": {
      const vote = flag ? "receiver" : null;
      return { ...said, vote, holdsEpoch: u53(bytes, body + 12), holds: u53(bytes, body + 20) };
    }
    case "propose":
      return { ...said, lastEntry: u53(bytes, body + 16) + u32(bytes, body + 40) };
    case "ack":
      return flag ? { ...said, holds: u53(bytes, body + 4) } : said;
    case "pong":
      return { ...said, promiseMs: u32(bytes, body + 20) };
    default:
      return said;
  }
}

function peekState(bytes: Uint8Array): PeekedState | null {
  try {
    const { acceptedEpoch, acceptedFrom, promiseMs } = decodeHardState(bytes);
    return { epoch: acceptedEpoch, vote: acceptedFrom, promiseMs };
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

export const zabPeek: EnginePeek = { message: peekMessage, state: peekState };
