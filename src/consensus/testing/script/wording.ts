/** What a scenario must know of a protocol: how its engines are made, and its messages and states in words. */

import type { Entry, Position } from "../../engine.ts";
import { EntryKind } from "../../engine.ts";
import type { EngineKind } from "../../engines.ts";
import { decodeMembershipEntry, describeMembership } from "../../membership.ts";

export interface Wording {
  readonly kind: EngineKind;
  readonly message: (bytes: Uint8Array) => WordedMessage;
  /** The engine's own durable state. */
  readonly state: (bytes: Uint8Array) => string;
}

export interface WordedMessage {
  /** As the protocol calls it: what scripts hold, deliver and lose by. */
  readonly type: string;
  /** Without sender and receiver: `[3] append 3/4 x after 2/3, commit 2`. */
  readonly words: string;
  /** Goes back and forth all the time and says nothing new: left out while time passes. */
  readonly routine: boolean;
}

/** `3/4`: epoch, then index. */
export function place({ epoch, index }: Position): string {
  return `${epoch}/${index}`;
}

/** What a proposal of a script carries: its name, padded to a size if that matters. */
export function encodeValue(name: string, size = 0): Uint8Array {
  return new TextEncoder().encode(name.padEnd(size, "."));
}

export function decodeValue(data: Uint8Array): string {
  return new TextDecoder().decode(data).replace(/\.+$/, "");
}

/** `2/3 x`, `2/2 no-op`, `2/4 voters 1,2`. */
export function wordEntry(entry: Entry): string {
  switch (entry.kind) {
    case EntryKind.command:
      return `${place(entry)} ${decodeValue(entry.data)}`;
    case EntryKind.noop:
      return `${place(entry)} no-op`;
    case EntryKind.hole:
      return `${place(entry)} hole`;
    case EntryKind.membership:
      return `${place(entry)} ${describeMembership(decodeMembershipEntry(entry.data).membership)}`;
  }
}

/** Entries in words; of a long run of commands only the ends. */
export function wordEntries(entries: readonly Entry[]): string {
  const [first, last] = [entries[0], entries.at(-1)];
  if (entries.length <= 6 || first === undefined || last === undefined) return entries.map(wordEntry).join(", ");
  return `${wordEntry(first)} ... ${wordEntry(last)} (${entries.length} entries)`;
}
