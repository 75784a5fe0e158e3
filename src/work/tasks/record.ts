/** What is kept of a task beside its message, and where: below `task/<type>//`, beside the keys of its queue. */
import { byteStringOfText, textOf } from "../../wire/byte-string.ts";
import type { ByteString } from "../../wire/kv.ts";
import { malformed } from "../errors.ts";
import { keyPart } from "../names.ts";

/** The message of a task. */
export interface Job {
  readonly id: string;
  readonly input: unknown;
  readonly queueMs?: number;
}

/** Written when it is submitted, and when it ends. */
export type TaskRecord =
  | { readonly state: "open"; readonly lane: number; readonly priority: number; readonly token: string }
  | { readonly state: "done"; readonly result: unknown; readonly attempts: number }
  | { readonly state: "failed"; readonly reason: string; readonly attempts: number }
  | { readonly state: "cancelled" };

export class TaskKeys {
  readonly #prefix: ByteString;

  constructor(prefix: ByteString) {
    this.#prefix = prefix;
  }

  record(id: string): ByteString {
    return `${this.#prefix}t/${part(id)}`;
  }
  progress(id: string): ByteString {
    return `${this.#prefix}p/${part(id)}`;
  }
  checkpoint(id: string): ByteString {
    return `${this.#prefix}h/${part(id)}`;
  }
  /** Somebody wants it to end. */
  cancellation(id: string): ByteString {
    return `${this.cancellations}${part(id)}`;
  }
  get cancellations(): ByteString {
    return `${this.#prefix}z/`;
  }
}

function part(id: string): ByteString {
  return keyPart(id, "a task's id");
}

/** JSON; undefined becomes null. */
export function encodeJson(value: unknown): ByteString {
  return byteStringOfText(JSON.stringify(value ?? null));
}

/** @throws QuorateError `MALFORMED` */
export function decodeJson(key: ByteString, value: ByteString): unknown {
  try {
    return JSON.parse(textOf(value)) as unknown;
  } catch (error) {
    throw malformed(`the value at ${key}`, error);
  }
}

/** @throws QuorateError `MALFORMED` */
export function decodeRecord(key: ByteString, value: ByteString): TaskRecord {
  const record = decodeJson(key, value) as Partial<TaskRecord> | null;
  switch (record?.state) {
    case "open":
    case "done":
    case "failed":
    case "cancelled":
      return record as TaskRecord;
    default:
      throw malformed(`the task at ${key}`);
  }
}
