/**
 * The door to a member for the program in whose process it runs: the same calls as behind the gRPC door, over a port
 * between threads. No client is dead or hostile here, but one may be slow: a program that does not turn holds its
 * streams back, and costs no more than their windows.
 */
import type { MessagePort } from "node:worker_threads";
import type { Clock } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import type { Method } from "../front-door.ts";
import type { CallTable, SideDoor } from "../server.ts";
import { type Parcel, Parcels, unpack } from "./parcel.ts";
import { PortCall, type PortCallPorts } from "./port-call.ts";
import type { FromMember, FromProgram, Metadata } from "./protocol.ts";

export interface PortDoorOptions extends CallTable {
  readonly port: MessagePort;
  readonly clock: Clock;
}

export class PortDoor implements SideDoor {
  readonly #port: MessagePort;
  readonly #clock: Clock;
  readonly #maxReceiveBytes: number;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #parcels: Parcels<FromMember>;
  readonly #calls = new Map<number, PortCall>();
  #isClosed = false;
  /** Called whenever a call is over, while the door closes. */
  #over: (() => void) | null = null;

  constructor({ port, clock, methods, maxReceiveBytes }: PortDoorOptions) {
    this.#port = port;
    this.#clock = clock;
    this.#maxReceiveBytes = maxReceiveBytes;
    this.#methods = new Map(methods.map((method) => [method.path, method]));
    this.#parcels = new Parcels(port, clock);
    port.on("message", (parcel: Parcel<FromProgram>) => {
      unpack(parcel, (message, bytes) => this.#take(message, bytes));
    });
  }

  /** Calls under way. */
  get calls(): number {
    return this.#calls.size;
  }

  async close(drainMs: number): Promise<void> {
    this.#isClosed = true;
    if (this.#calls.size > 0) {
      const late = Promise.withResolvers<void>();
      const timer = this.#clock.after(drainMs, late.resolve);
      this.#over = () => {
        if (this.#calls.size === 0) late.resolve();
      };
      await late.promise;
      timer.cancel();
      for (const call of this.#calls.values()) call.cancel();
    }
    // What was said last leaves with this turn.
    await new Promise<void>((resolve) => this.#clock.soon(resolve));
    this.#port.close();
  }

  #take(message: FromProgram, bytes: Uint8Array): void {
    if (message.is === "open") return this.#open(message.id, message.path, message.metadata);
    const call = this.#calls.get(message.id);
    // Its last word crossed ours.
    if (call === undefined) return;
    switch (message.is) {
      case "request":
        if (bytes.length > this.#maxReceiveBytes) return call.end(etcdErrors.requestTooLarge());
        return call.request(bytes);
      case "taken":
        return call.taken(message.bytes);
      case "cancel":
        return call.cancel();
    }
  }

  #open(id: number, path: string, metadata: Metadata): void {
    const method = this.#methods.get(path);
    const call = new PortCall(id, method ?? unknown(path), metadata, this.#ports);
    this.#calls.set(id, call);
    if (this.#isClosed) call.end(etcdErrors.serverStopped());
    else call.begin();
  }

  readonly #ports: PortCallPorts = {
    clock: { soon: (run) => this.#clock.soon(run) },
    tell: (message, bytes) => this.#parcels.add(message, bytes),
    over: (id) => {
      this.#calls.delete(id);
      this.#over?.();
    },
  };
}

function unknown(path: string): Method {
  const error = new QuorateError("UNIMPLEMENTED", GrpcStatus.unimplemented, `unknown method ${path}`);
  return { kind: "bidi", path, handle: (call) => call.end(error) };
}
