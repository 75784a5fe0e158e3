/**
 * A message in the hands of a consumer.
 *
 *     delivered ──ack──────▶ gone, and what is written with it
 *        ├───────retry─────▶ ready again, now or later
 *        ├───────reject────▶ dead letter
 *        └─(session, visibility over)──▶ somebody else's; ack is FENCED
 */
import type { QuorateError } from "../../errors.ts";
import { deleteOp, isCreatedAt, putOp } from "../../kv/requests.ts";
import type { Store } from "../../store/store.ts";
import type { ByteString, Compare, RequestOp } from "../../wire/kv.ts";
import { fenced } from "../errors.ts";
import type { Claim } from "./claim.ts";
import { encodeStored, type Stored } from "./envelope.ts";
import type { Layout } from "./layout.ts";
import { residueOps } from "./sender.ts";

/** What a message is, wherever it is. */
export interface Found {
  readonly key: ByteString;
  readonly createRevision: number;
  readonly token: ByteString;
  readonly stored: Stored;
}

/** What becomes of it is told to who delivered it. */
export type Ended = "gone" | "back" | { readonly againInMs: number };

export interface DeliveryParts {
  readonly store: Store;
  readonly layout: Layout;
  readonly claim: Claim;
  readonly found: Found;
  /** How often it was begun, this time included. */
  readonly attempt: number;
  readonly payload: ByteString;
  /** Its line is claimed, not the message alone: the claim outlives it. */
  readonly inLine: boolean;
  readonly visibilityMs: number;
  readonly onEnd: (ended: Ended) => void;
}

/** A message, and the right to say what becomes of it. */
export class Delivery<T = unknown> {
  readonly value: T;
  readonly attempt: number;
  readonly #parts: DeliveryParts;
  readonly #controller = new AbortController();
  #over: QuorateError | null = null;
  #settling = false;
  #expiry: { cancel(): void } | null = null;

  /** @internal Consumers make them. */
  constructor(parts: DeliveryParts, value: T) {
    this.#parts = parts;
    this.value = value;
    this.attempt = parts.attempt;
    const { signal } = parts.claim;
    const follow = (): void => this.#finish(signal.reason as QuorateError);
    if (signal.aborted) follow();
    else signal.addEventListener("abort", follow, { once: true });
    this.extend();
  }

  /** The name that `send` gave. */
  get token(): string {
    return this.#parts.found.token;
  }
  /** The sender's id. */
  get id(): string | null {
    return this.#parts.found.stored.envelope.i ?? null;
  }
  /** The key of its line. */
  get key(): string | null {
    return this.#parts.found.stored.envelope.k ?? null;
  }
  get headers(): Readonly<Record<string, string>> {
    return this.#parts.found.stored.envelope.h ?? {};
  }
  /** When it was sent, by the sender's clock; ms of Unix time. */
  get sentAt(): number {
    return this.#parts.found.stored.envelope.at;
  }
  /** Greater than that of all who had it before. */
  get fence(): bigint {
    return BigInt(this.#parts.claim.fence);
  }
  /** Aborted when it is held no longer, before anybody else can have it. */
  get signal(): AbortSignal {
    if (!this.#parts.claim.held && this.#over === null) this.#finish(this.#parts.claim.signal.reason as QuorateError);
    return this.#controller.signal;
  }
  get held(): boolean {
    return !this.signal.aborted;
  }
  /** Compare this in a transaction of your own, and it is made only while this is held. */
  get condition(): Compare {
    return this.#parts.claim.condition;
  }

  /** Begins its visibility time anew. */
  extend(): void {
    const { store, visibilityMs } = this.#parts;
    this.#expiry?.cancel();
    if (visibilityMs === Number.POSITIVE_INFINITY || this.#over !== null) return;
    this.#expiry = store.clock.after(visibilityMs, () => {
      this.#giveBack(0).catch(() => undefined);
      this.#finish(fenced(this.#what));
    });
  }

  /** Writes while it is held; the message stays. @throws QuorateError `FENCED`; then nothing was written */
  async write(operations: readonly RequestOp[]): Promise<void> {
    await this.#parts.claim.write({ request: { compare: [], success: operations, failure: [] } });
  }

  /** Done: it is gone. @param beside is written in the same transaction: once, and only if this is still held. */
  async ack(beside: readonly RequestOp[] = []): Promise<void> {
    const { layout, found } = this.#parts;
    await this.#settle("gone", [...residueOps(layout, found.stored.envelope, found.token), ...beside]);
  }

  /** Not done: it comes again. In a line, the others of its key wait for it. */
  async retry({ delayMs = 0 }: { readonly delayMs?: number } = {}): Promise<void> {
    this.#begin();
    await this.#giveBack(delayMs);
    this.#finish(fenced(this.#what));
  }

  /** Not done, and not to be tried again: a dead letter. @param beside as with `ack` */
  async reject(reason: string, beside: readonly RequestOp[] = []): Promise<void> {
    const { layout, found, store } = this.#parts;
    const dead = { reason, at: store.clock.wallClock(), attempts: this.attempt };
    const value = encodeStored({ ...found.stored, envelope: { ...found.stored.envelope, dead } });
    await this.#settle("gone", [
      deleteOp(layout.begun(found.token)),
      putOp(layout.dead(found.token), value),
      ...beside,
    ]);
  }

  /** For the consumer: nobody has begun to use it. It is ready again, and this time does not count. */
  async unused(): Promise<void> {
    const { layout, found, claim, inLine, onEnd } = this.#parts;
    this.#begin();
    const begun = layout.begun(found.token);
    const counted = this.attempt === 1 ? deleteOp(begun) : putOp(begun, `${this.attempt - 1}`);
    const success = inLine ? [counted] : [counted, claim.release];
    const marks = inLine ? [] : [layout.wake(found.stored.envelope.l)];
    await claim.write({ request: { compare: [], success, failure: [] }, marks });
    this.#finish(fenced(this.#what));
    if (!inLine) claim.end(fenced(this.#what));
    onEnd("back");
  }

  get #what(): string {
    return `the message ${this.#parts.found.token}`;
  }

  async #settle(ended: Ended, success: readonly RequestOp[], marks: readonly ByteString[] = []): Promise<void> {
    this.#begin();
    const { claim, found, inLine, onEnd } = this.#parts;
    const ops = [deleteOp(found.key), ...(inLine ? [] : [claim.release]), ...success];
    const compare = [isCreatedAt(found.key, found.createRevision)];
    try {
      const { succeeded } = await claim.write({ request: { compare, success: ops, failure: [] }, marks });
      if (!succeeded) throw claim.lost();
    } finally {
      if (!inLine) claim.end(fenced(this.#what));
      this.#finish(fenced(this.#what));
      onEnd(ended);
    }
  }

  async #giveBack(delayMs: number): Promise<void> {
    const { store, layout, found, claim, inLine, onEnd } = this.#parts;
    if (inLine) {
      // Order: the line stands still until it is tried again, here or by who has the line then.
      onEnd({ againInMs: delayMs });
      return;
    }
    const { envelope } = found.stored;
    const marks = [layout.wake(envelope.l)];
    try {
      if (delayMs > 0) {
        const due = layout.delayed(store.clock.wallClock() + delayMs, found.token);
        const success = [deleteOp(found.key), claim.release, putOp(due, encodeStored(found.stored))];
        await claim.write({ request: { compare: [], success, failure: [] }, marks });
      } else {
        await claim.write({ request: { compare: [], success: [claim.release], failure: [] }, marks });
      }
    } finally {
      claim.end(fenced(this.#what));
      onEnd("back");
    }
  }

  /** @throws QuorateError if it is held no longer, or its end is under way */
  #begin(): void {
    if (!this.held) throw this.signal.reason;
    if (this.#settling) throw fenced(this.#what);
    this.#settling = true;
    this.#expiry?.cancel();
  }

  #finish(reason: QuorateError): void {
    if (this.#over !== null) return;
    this.#over = reason;
    this.#expiry?.cancel();
    this.#controller.abort(reason);
  }
}
