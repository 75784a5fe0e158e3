/** Raft's messages and state, as far as checks from outside need to read them: fixed fields only, no entries. */
import { ByteReader, DecodeError } from "../bytes.ts";
import type { EnginePeek, PeekedMessage } from "../peek.ts";
import { decodeHardState } from "./hard-state.ts";
import { type Message, typeNumbers } from "./messages.ts";

const names: ReadonlyMap<number, Message["type"]> = new Map(
  (Object.keys(typeNumbers) as Message["type"][]).map((type) => [typeNumbers[type], type]),
);

/** Null instead of what `read` throws for bytes that are too short or make no sense. */
function orNull<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

function peekMessage(bytes: Uint8Array): PeekedMessage | null {
  const reader = new ByteReader(bytes);
  reader.u8();
  const type = names.get(reader.u8());
  if (type === undefined) return null;
  const flag = (reader.u8() & 1) !== 0;
  reader.u8();
  reader.i32();
  reader.u32();
  const nothing = { vote: null, lastEntry: 0, holds: 0, holdsEpoch: null, promiseMs: 0 } as const;
  const said = { ...nothing, type, epoch: reader.u53() };
  switch (type) {
    case "append": {
      reader.u32();
      const prevIndex = reader.u53();
      reader.u53();
      reader.u53();
      return { ...said, lastEntry: prevIndex + reader.u32() };
    }
    case "appendResponse":
      reader.u32();
      return flag ? { ...said, holds: reader.u53() } : said;
    case "heartbeatResponse":
      reader.u32();
      reader.u53();
      reader.f64();
      return { ...said, promiseMs: reader.u32() };
    case "vote":
      return { ...said, vote: "sender", holds: reader.u53(), holdsEpoch: reader.u53() };
    case "voteResponse":
      return flag ? { ...said, vote: "receiver" } : said;
    default:
      return said;
  }
}

export const raftPeek: EnginePeek = {
  message: (bytes) => orNull(() => peekMessage(bytes)),
  state: (bytes) => orNull(() => decodeHardState(bytes)),
};
