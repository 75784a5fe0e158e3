/** A client on a clock that a test moves, with a server that the test plays, and calls that note what they are told. */
import assert from "node:assert/strict";
import { Slab } from "../../http2/slab.ts";
import { Turn } from "../../http2/turn.ts";
import { ManualClock } from "../../testing/manual-clock.ts";
import { bytesOf, text } from "../../testing/test-door.ts";
import type { CallEvents, CallFault, ClientCall } from "../client-call.ts";
import { GrpcClient, type GrpcClientOptions } from "../grpc-client.ts";
import { HandServer } from "./hand-server.ts";

export const TIMEOUT_MS = 5_000;

/** What a call was told: messages, then how it ended. */
export class Heard implements CallEvents {
  readonly messages: string[] = [];
  status: number | null = null;
  text = "";
  fault: CallFault | null = null;
  /** Called with each message. */
  onMessage: () => void = () => undefined;

  message(bytes: Uint8Array): void {
    assert.ok(!this.isOver, "a message behind the end");
    this.messages.push(text(bytes));
    this.onMessage();
  }

  ended(status: number, words: string): void {
    assert.ok(!this.isOver, "it ended twice");
    this.status = status;
    this.text = words;
  }

  failed(fault: CallFault): void {
    assert.ok(!this.isOver, "it ended twice");
    this.fault = fault;
  }

  get isOver(): boolean {
    return this.status !== null || this.fault !== null;
  }

  /** `lost, not arrived`. */
  get outcome(): string {
    const { fault, status } = this;
    if (fault !== null) return `${fault.why}, ${fault.mayHaveArrived ? "may have arrived" : "not arrived"}`;
    return status === null ? "under way" : `status ${status}`;
  }
}

export interface Made {
  readonly call: ClientCall;
  readonly heard: Heard;
}

export class TestClient {
  readonly clock: ManualClock = new ManualClock();
  readonly server: HandServer = new HandServer();
  readonly client: GrpcClient;
  greeted = 0;
  /** Why it takes no more calls, as it was told. */
  readonly over: Error[] = [];
  readonly busy: boolean[] = [];
  /** Called when it is told so. */
  onOver: () => void = () => undefined;

  /** @param settings the server greets with these; null: it does not greet */
  constructor(
    settings: readonly (readonly [id: number, value: number])[] | null = [],
    options: Partial<GrpcClientOptions> = {},
  ) {
    this.client = new GrpcClient(this.server.wire, {
      clock: this.clock,
      context: { slab: new Slab(), turn: new Turn(this.clock) },
      scheme: "http",
      authority: "test:1",
      maxMessageBytes: 1 << 21,
      keepaliveTimeMs: 10_000,
      keepaliveTimeoutMs: 5_000,
      greeted: () => (this.greeted += 1),
      over: (reason) => {
        this.over.push(reason);
        this.onOver();
      },
      busy: (isBusy) => this.busy.push(isBusy),
      ...options,
    });
    this.clock.turn();
    if (settings !== null) this.server.greet(settings);
    this.clock.turn();
  }

  /** A unary call, which has not left yet. */
  begin(request: string, timeoutMs: number = TIMEOUT_MS, metadata: Readonly<Record<string, string>> = {}): Made {
    const heard = new Heard();
    return { heard, call: this.client.call("/t.T/Unary", bytesOf(request), timeoutMs, metadata, heard) };
  }

  /** A unary call that has left, as far as it may. */
  call(request: string, timeoutMs?: number, metadata?: Readonly<Record<string, string>>): Made {
    const made = this.begin(request, timeoutMs, metadata);
    this.clock.turn();
    return made;
  }

  stream(): Made {
    const heard = new Heard();
    const call = this.client.stream("/t.T/Stream", {}, heard);
    this.clock.turn();
    return { call, heard };
  }

  send(call: ClientCall, message: string): void {
    call.send(bytesOf(message));
    this.clock.turn();
  }
}
