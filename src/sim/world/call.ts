/** A call at a member's front, as both of its sides know it. */
import type { QuorateError } from "../../errors.ts";

/** The client's side of a call, as it hears of it at the member; delays are the caller's. */
export interface Listener {
  message(bytes: Uint8Array): void;
  /** The answer to a unary call, and its end. */
  answer(bytes: Uint8Array): void;
  /** The last that comes; null: well. */
  end(error: QuorateError | null): void;
}

/** The client's hold on a call at the member. */
export interface Handle {
  send(bytes: Uint8Array): void;
  /** The client has read one more message: what it has not read holds the service back. */
  read(): void;
  cancel(): void;
}

/** What a call came with beside its request: `hasleader`, `authorization`. */
export type Metadata = Readonly<Record<string, string>>;

/** Where calls begin. */
export interface Desk {
  /** Null: there is no such service here now. */
  call(path: string, request: Uint8Array | null, listener: Listener, metadata?: Metadata): Handle | null;
}
