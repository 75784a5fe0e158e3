/** What checks and tools read out of an engine's bytes without asking the engine. */
import type { MemberId } from "../environment.ts";

export interface PeekedMessage {
  /** As the protocol calls it. */
  readonly type: string;
  /** The sender's epoch. */
  readonly epoch: number;
  /** A vote given with this message, to its receiver or (a candidate's own) to its sender. */
  readonly vote: "receiver" | "sender" | null;
  /** Index of the last entry the message brings, or would continue; 0: it is of another kind. */
  readonly lastEntry: number;
  /** The sender says that its log is durable up to this index (in an epoch's leader's version); 0: it says nothing. */
  readonly holds: number;
  /** Epoch of the sender's entry at `holds`, where the message names it. */
  readonly holdsEpoch: number | null;
  /** The sender helps elect nobody but the receiver for this long, not even after a restart; ms, 0: no promise. */
  readonly promiseMs: number;
}

export interface PeekedState {
  readonly epoch: number;
  /** Whom the member voted for in `epoch`; 0n: nobody. */
  readonly vote: MemberId;
  /** How long a promise to help elect nobody else is honoured after a restart; ms, 0: there is none. */
  readonly promiseMs: number;
}

/** How to look into the bytes of one protocol. Both give null for bytes that are none of the protocol's. */
export interface EnginePeek {
  /** @param bytes a message, or its first piece. */
  readonly message: (bytes: Uint8Array) => PeekedMessage | null;
  /** @param bytes as in `Write.state`. */
  readonly state: (bytes: Uint8Array) => PeekedState | null;
}
