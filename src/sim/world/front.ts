/**
 * The simulated front door of one member: the production methods behind their gate, called without HTTP/2. Requests and
 * answers are the bytes of the wire. Programs come in over the network (`call-door.ts`), clients that only write down what
 * they see over lines (`line.ts`).
 */
import type { QuorateError } from "../../errors.ts";
import type { BidiCall, Method } from "../../server/front-door.ts";
import { createMethods } from "../../server/methods.ts";
import type { RunningServer, StartOptions } from "../../server/server.ts";
import type { Handle, Listener, Metadata } from "./call.ts";
import { serveCalls } from "./call-door.ts";

/** Where programs come in, on every host. */
export const CLIENT_PORT = 2379;

const NO_METADATA: Metadata = {};
/** Messages that may be on their way to a client before the service is told to wait. */
const UNREAD_MESSAGES = 3;

export class Front {
  #methods: ReadonlyMap<string, Method> = new Map();
  readonly #calls = new Set<ServerCall>();

  /** What `assemble` calls for a server. */
  readonly open = async ({ replica, environment, options }: StartOptions): Promise<RunningServer> => {
    const table = createMethods(replica, environment, options);
    this.#methods = new Map(table.methods.map((method) => [method.path, method]));
    const listener = await environment.network.listen({ host: "0.0.0.0", port: CLIENT_PORT }, (connection) =>
      serveCalls(connection, this),
    );
    return {
      addresses: [],
      metricsAddresses: [],
      close: async () => {
        table.refuse();
        this.#methods = new Map();
        for (const call of this.#calls) call.cancel();
        table.close();
        await listener.close();
      },
    };
  };

  /** Begins a call; null: there is no such service here now (the member is starting or stopping). */
  call(path: string, request: Uint8Array | null, listener: Listener, metadata: Metadata = NO_METADATA): Handle | null {
    const method = this.#methods.get(path);
    if (method === undefined) return null;
    const call = new ServerCall(path, metadata, listener, () => this.#calls.delete(call));
    this.#calls.add(call);
    if (method.kind === "unary") {
      method.handle(request ?? new Uint8Array(0), call, (error, response) => {
        if (error === null) call.answer(response);
        else call.end(error);
      });
    } else if (method.kind === "serverStream") {
      method.handle(request ?? new Uint8Array(0), call);
    } else {
      method.handle(call);
      if (request !== null) call.send(request);
    }
    return call;
  }
}

class ServerCall implements BidiCall, Handle {
  readonly path: string;
  readonly peer = "client";
  cancelled = false;
  readonly #metadata: Metadata;
  readonly #listener: Listener;
  readonly #forget: () => void;
  #onCancel: (() => void)[] = [];
  #onMessage: ((message: Uint8Array) => void) | null = null;
  #onDrain: (() => void) | null = null;
  #unread = 0;
  #paused = false;
  #waiting: Uint8Array[] = [];

  constructor(path: string, metadata: Metadata, listener: Listener, forget: () => void) {
    this.path = path;
    this.#metadata = metadata;
    this.#listener = listener;
    this.#forget = forget;
  }

  metadata(name: string): string | null {
    return this.#metadata[name] ?? null;
  }

  onCancel(handle: () => void): void {
    if (this.cancelled) handle();
    else this.#onCancel.push(handle);
  }

  write(message: Uint8Array): boolean {
    if (this.cancelled) return true;
    this.#unread++;
    this.#listener.message(message);
    return this.writable;
  }

  answer(response: Uint8Array): void {
    if (this.cancelled) return;
    this.#over();
    this.#listener.answer(response);
  }

  get writable(): boolean {
    return this.#unread < UNREAD_MESSAGES;
  }

  read(): void {
    const wasFull = !this.writable;
    this.#unread--;
    if (wasFull && this.writable && !this.cancelled) this.#onDrain?.();
  }

  onDrain(handle: () => void): void {
    this.#onDrain = handle;
  }

  end(error?: QuorateError): void {
    if (this.cancelled) return;
    this.#over();
    this.#listener.end(error ?? null);
  }

  onMessage(handle: (message: Uint8Array) => void): void {
    this.#onMessage = handle;
  }

  onEnd(): void {}

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    this.#paused = false;
    while (!this.#paused && !this.cancelled) {
      const message = this.#waiting.shift();
      if (message === undefined) return;
      this.#onMessage?.(message);
    }
  }

  send(bytes: Uint8Array): void {
    if (this.cancelled) return;
    this.#waiting.push(bytes);
    if (!this.#paused) this.resume();
  }

  cancel(): void {
    if (!this.cancelled) this.#over();
  }

  #over(): void {
    this.cancelled = true;
    this.#forget();
    const handlers = this.#onCancel;
    this.#onCancel = [];
    for (const handle of handlers) handle();
  }
}
