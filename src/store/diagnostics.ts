/**
 * What a store, and what is built on it, tells whoever wants to look: in Node, the channels of `node:diagnostics_channel` of
 * the same names (`node-diagnostics.ts`). `docs/diagnostics.md` is the page for users.
 *
 * Free when nobody listens: a message is made only behind a look at `hasSubscribers`. What listeners do or throw changes
 * nothing here.
 */
import type { QuorateError } from "../errors.ts";
import type { LeaseId } from "../wire/kv.ts";
import type { Store, StoreState } from "./store.ts";

/** A call of a store has ended. Calls that recipes make are among them. */
export interface CallMessage {
  readonly store: Store;
  /** The call, for people: `put "a"`. */
  readonly what: string;
  /** From its beginning to its end, all attempts included, ms. */
  readonly tookMs: number;
  /** Null: it was answered. */
  readonly error: unknown;
}

/** An attempt of a call had no effect, and another one follows. */
export interface RetryMessage {
  readonly store: Store;
  readonly what: string;
  /** The member that was asked: `127.0.0.1:2379`. */
  readonly endpoint: string;
  /** Why it was not answered. */
  readonly error: QuorateError;
}

/** A store stands elsewhere than before. */
export interface StatusMessage {
  readonly store: Store;
  readonly state: StoreState;
}

/** A session began, or ended. */
export interface SessionMessage {
  readonly store: Store;
  readonly lease: LeaseId;
  /** Of an end; null: it began. */
  readonly error: QuorateError | null;
}

/** A lock, permits, or an office: got, lost, or given up. */
export interface HoldMessage {
  readonly store: Store;
  /** For people: `lock "a"`. */
  readonly what: string;
  readonly key: string;
  readonly fence: bigint;
  readonly lease: LeaseId;
  /** Of a loss or a release; null: it was got. */
  readonly error: QuorateError | null;
}

/** The names of all channels, and what is told on them. */
export interface DiagnosticMessages {
  readonly "quorate:call": CallMessage;
  readonly "quorate:retry": RetryMessage;
  readonly "quorate:status": StatusMessage;
  readonly "quorate:session:opened": SessionMessage;
  readonly "quorate:session:lost": SessionMessage;
  readonly "quorate:session:closed": SessionMessage;
  readonly "quorate:hold:acquired": HoldMessage;
  readonly "quorate:hold:lost": HoldMessage;
  readonly "quorate:hold:released": HoldMessage;
}

/** A place where messages go; a channel of `node:diagnostics_channel` is one. */
export interface DiagnosticChannel<Message> {
  readonly hasSubscribers: boolean;
  publish(message: Message): void;
}

/** A channel for each name. */
export type Diagnostics = {
  readonly [Name in keyof DiagnosticMessages]: DiagnosticChannel<DiagnosticMessages[Name]>;
};

/** A store that may have somebody to tell; recipes tell there, too. */
export interface ObservedStore extends Store {
  /** None: nobody is told. */
  readonly diagnostics?: Diagnostics | undefined;
}

/** Tells `message` if somebody listens. */
export function tell<Name extends keyof DiagnosticMessages>(
  { diagnostics }: ObservedStore,
  name: Name,
  message: () => DiagnosticMessages[Name],
): void {
  const channel: DiagnosticChannel<DiagnosticMessages[Name]> | undefined = diagnostics?.[name];
  if (channel?.hasSubscribers === true) channel.publish(message());
}
