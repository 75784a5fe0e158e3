/** One call of the program, as the services of its member see it. */
import type { Clock } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { BidiCall, Method } from "../front-door.ts";
import { errorFor } from "../messages.ts";
import { type FromMember, type Metadata, REPLY_COST, WINDOW_BYTES } from "./protocol.ts";

export interface PortCallPorts {
  readonly clock: Pick<Clock, "soon">;
  tell(message: FromMember, bytes?: Uint8Array): void;
  over(id: number): void;
}

export class PortCall implements BidiCall {
  readonly peer = "the program itself";
  readonly #id: number;
  readonly #method: Method;
  readonly #metadata: Metadata;
  readonly #ports: PortCallPorts;
  #isOver = false;
  /** A call that takes one request has it. */
  #hasRequest = false;
  #isPaused = false;
  #waiting: Uint8Array[] = [];
  /** Of its replies, what the program has not taken yet. */
  #untaken = 0;
  #onCancel: (() => void)[] = [];
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onDrain: (() => void) | null = null;

  constructor(id: number, method: Method, metadata: Metadata, ports: PortCallPorts) {
    this.#id = id;
    this.#method = method;
    this.#metadata = metadata;
    this.#ports = ports;
  }

  get path(): string {
    return this.#method.path;
  }

  get cancelled(): boolean {
    return this.#isOver;
  }

  get writable(): boolean {
    return !this.#isOver && this.#untaken < WINDOW_BYTES;
  }

  metadata(name: string): string | null {
    return this.#metadata[name] ?? null;
  }

  onCancel(handle: () => void): void {
    if (this.#isOver) handle();
    else this.#onCancel.push(handle);
  }

  write(message: Uint8Array): boolean {
    if (this.#isOver) return false;
    this.#untaken += message.length + REPLY_COST;
    this.#ports.tell({ is: "reply", id: this.#id }, message);
    return this.writable;
  }

  onDrain(handle: () => void): void {
    this.#onDrain = handle;
  }

  end(error?: QuorateError): void {
    if (this.#isOver) return;
    if (error === undefined) this.#ports.tell({ is: "end", id: this.#id, error: null });
    else {
      const { status, message: text } = error;
      const tell = (): void => this.#ports.tell({ is: "end", id: this.#id, error: { status, text } });
      // When a member fails, so do its calls, and before: the program shall hear of the reason first.
      this.#ports.clock.soon(tell);
    }
    this.#close();
  }

  onMessage(handle: (message: Uint8Array) => void): void {
    this.#onMessage = handle;
  }

  /** Never: a program cancels a stream that it wants no more of. */
  onEnd(): void {}

  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    while (!this.#isPaused && !this.#isOver) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#guarded(() => this.#onMessage?.(message));
    }
  }

  /** From here on: what the door says. */
  begin(): void {
    const method = this.#method;
    if (method.kind === "bidi") this.#guarded(() => method.handle(this));
  }

  request(bytes: Uint8Array): void {
    if (this.#isOver) return;
    const method = this.#method;
    if (method.kind === "bidi") {
      this.#waiting.push(bytes);
      if (!this.#isPaused) this.resume();
      return;
    }
    if (this.#hasRequest) {
      const message = `${this.path} takes one message, but more came`;
      return this.end(new QuorateError("UNIMPLEMENTED", GrpcStatus.unimplemented, message));
    }
    this.#hasRequest = true;
    this.#guarded(() => {
      if (method.kind === "serverStream") return method.handle(bytes, this);
      method.handle(bytes, this, (error, response) => {
        if (error !== null) this.end(error);
        else this.#answer(response);
      });
    });
  }

  taken(bytes: number): void {
    const wasWritable = this.writable;
    this.#untaken -= bytes;
    if (!wasWritable && this.writable) this.#guarded(() => this.#onDrain?.());
  }

  cancel(): void {
    if (!this.#isOver) this.#close();
  }

  #answer(response: Uint8Array): void {
    if (this.#isOver) return;
    this.#ports.tell({ is: "answer", id: this.#id }, response);
    this.#close();
  }

  #close(): void {
    this.#isOver = true;
    this.#waiting = [];
    this.#ports.over(this.#id);
    const handlers = this.#onCancel;
    this.#onCancel = [];
    for (const handle of handlers) this.#guarded(handle);
  }

  /** Runs a service's code. What it throws is its call's misfortune, and nobody else's. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.end(errorFor(error));
    }
  }
}
