/**
 * A message as it is stored: a line of JSON about it, then its payload.
 *
 *     {"l":3,"p":5,"at":1700000000000, …}\n<payload>        with `c`: the payload is in so many chunks instead
 */
import { byteStringOfText, textOf } from "../../wire/byte-string.ts";
import type { ByteString } from "../../wire/kv.ts";
import { malformed } from "../errors.ts";

/** What is known of a message beside its payload. */
export interface Envelope {
  /** Its lane. */
  readonly l: number;
  /** Its priority. */
  readonly p: number;
  /** When it was sent; ms of Unix time, by the sender's clock. */
  readonly at: number;
  /** The key of its line. */
  readonly k?: string;
  /** The sender's id. */
  readonly i?: string;
  /** Chunks. */
  readonly c?: number;
  readonly h?: Readonly<Record<string, string>>;
  /** Of a dead letter: why, when, how often it was begun. */
  readonly dead?: { readonly reason: string; readonly at: number; readonly attempts: number };
}

export interface Stored {
  readonly envelope: Envelope;
  /** Empty if it is in chunks. */
  readonly payload: ByteString;
}

export function encodeStored({ envelope, payload }: Stored): ByteString {
  return `${byteStringOfText(JSON.stringify(envelope))}\n${payload}`;
}

/** @throws QuorateError `MALFORMED` */
export function decodeStored(key: ByteString, value: ByteString): Stored {
  const end = value.indexOf("\n");
  try {
    const envelope = JSON.parse(textOf(value.slice(0, end))) as Partial<Envelope> | null;
    if (end > 0 && Number.isSafeInteger(envelope?.l) && Number.isSafeInteger(envelope?.p)) {
      return { envelope: envelope as Envelope, payload: value.slice(end + 1) };
    }
  } catch (error) {
    throw malformed(`the message at ${key}`, error);
  }
  throw malformed(`the message at ${key}`);
}
