/**
 * The front door on @grpc/grpc-js. It frames and counts; messages pass through as they are.
 */
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import type { Writable } from "node:stream";
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  type Metadata,
  type MethodDefinition,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type UntypedServiceImplementation,
} from "@grpc/grpc-js";
import type { QuorateError } from "../errors.ts";
import type { BidiCall, Call, FrontDoor, FrontDoorOptions, Method } from "./front-door.ts";

/** Bytes that may wait on one call for its client before `write` says that it is enough. */
const STREAM_HIGH_WATER = 1 << 20;
const STREAM_LOW_WATER = STREAM_HIGH_WATER / 4;
/** Answers below this are not counted as unread: the limit of calls on a connection bounds them well enough. */
const LARGE_ANSWER_BYTES = 4_096;

/** A connection, by the name that its calls have for it. */
interface Client {
  readonly socket: Socket;
  unreadBytes: number;
}

type AnyCall =
  | ServerUnaryCall<Buffer, Uint8Array>
  | ServerWritableStream<Buffer, Uint8Array>
  | ServerDuplexStream<Buffer, Uint8Array>;

export function grpcJsDoor(options: FrontDoorOptions): FrontDoor {
  const server = new Server({
    "grpc.max_receive_message_length": options.maxReceiveBytes,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": options.maxConcurrentCalls,
    "grpc.keepalive_time_ms": options.keepaliveIntervalMs,
    "grpc.keepalive_timeout_ms": options.keepaliveTimeoutMs,
    "grpc.enable_channelz": 0,
  });
  const clients = new Map<string, Client>();
  /** Counts a large answer until it is out, and cuts off a client that asks and asks, and never reads. */
  const answered = (call: AnyCall, bytes: number): void => {
    const client = clients.get(call.getPeer());
    if (client === undefined) return;
    client.unreadBytes += bytes;
    if (client.unreadBytes > options.maxUnreadBytes) {
      client.socket.destroy();
      return;
    }
    const emitter: EventEmitter = call;
    emitter.once("cancelled", () => {
      client.unreadBytes -= bytes;
    });
  };
  const definition: Record<string, MethodDefinition<Uint8Array, Uint8Array>> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const method of options.methods) {
    definition[method.path] = {
      path: method.path,
      requestStream: method.kind === "bidi",
      responseStream: method.kind !== "unary",
      requestSerialize: asBuffer,
      requestDeserialize: asIs,
      responseSerialize: asBuffer,
      responseDeserialize: asIs,
    };
    implementation[method.path] = handler(method, answered);
  }
  server.addService(definition, implementation);
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return {
    accept(socket) {
      const name = `${socket.remoteAddress}:${socket.remotePort}`;
      clients.set(name, { socket, unreadBytes: 0 });
      socket.on("close", () => {
        if (clients.get(name)?.socket === socket) clients.delete(name);
      });
      injector.injectConnection(socket);
    },
    async close(drainMs) {
      injector.destroy();
      await new Promise<void>((resolve) => {
        const gone = (): void => {
          if (clients.size === 0) resolve();
        };
        const timer = setTimeout(() => {
          server.forceShutdown();
          for (const { socket } of clients.values()) socket.destroy();
          resolve();
        }, drainMs);
        for (const { socket } of clients.values()) socket.on("close", gone);
        gone();
        timer.unref();
      });
      server.forceShutdown();
    },
  };
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}

function handler(
  method: Method,
  answered: (call: AnyCall, bytes: number) => void,
): UntypedServiceImplementation[string] {
  switch (method.kind) {
    case "unary": {
      const handle: handleUnaryCall<Buffer, Uint8Array> = (call, callback) => {
        method.handle(call.request, new GrpcJsCall(method.path, call), (error, response) => {
          if (error !== null) return callback(wireError(error));
          if (response.length >= LARGE_ANSWER_BYTES) answered(call, response.length);
          callback(null, response);
        });
      };
      return handle;
    }
    case "serverStream": {
      const handle: handleServerStreamingCall<Buffer, Uint8Array> = (call) => {
        method.handle(call.request, new GrpcJsStream(method.path, call));
      };
      return handle;
    }
    case "bidi": {
      const handle: handleBidiStreamingCall<Buffer, Uint8Array> = (call) => {
        method.handle(new GrpcJsStream(method.path, call));
      };
      return handle;
    }
  }
}

function wireError(error: QuorateError): { code: number; details: string } {
  return { code: error.status, details: error.message };
}

class GrpcJsCall<C extends AnyCall = AnyCall> implements Call {
  readonly path: string;
  protected readonly call: C;

  constructor(path: string, call: C) {
    this.path = path;
    this.call = call;
  }

  get peer(): string {
    return this.call.getPeer();
  }

  get cancelled(): boolean {
    return this.call.cancelled;
  }

  metadata(name: string): string | null {
    return textOf(this.call.metadata, name);
  }

  onCancel(handle: () => void): void {
    const emitter: EventEmitter = this.call;
    if (this.call.cancelled) handle();
    else emitter.once("cancelled", handle);
  }
}

function textOf(metadata: Metadata, name: string): string | null {
  const value = metadata.get(name)[0];
  if (value === undefined) return null;
  return typeof value === "string" ? value : value.toString("utf8");
}

class GrpcJsStream
  extends GrpcJsCall<ServerWritableStream<Buffer, Uint8Array> | ServerDuplexStream<Buffer, Uint8Array>>
  implements BidiCall
{
  #queued = 0;
  #full = false;
  #ended = false;
  #drain: () => void = () => undefined;

  get writable(): boolean {
    return !this.#full;
  }

  write(message: Uint8Array): boolean {
    if (this.#ended || this.call.cancelled) return false;
    const { length } = message;
    this.#queued += length;
    if (this.#queued >= STREAM_HIGH_WATER) this.#full = true;
    const out: Writable = this.call;
    out.write(message, () => {
      this.#queued -= length;
      if (!this.#full || this.#queued > STREAM_LOW_WATER || this.#ended) return;
      this.#full = false;
      this.#drain();
    });
    return !this.#full;
  }

  onDrain(handle: () => void): void {
    this.#drain = handle;
  }

  end(error?: QuorateError): void {
    if (this.#ended) return;
    this.#ended = true;
    if (error === undefined) this.call.end();
    else this.call.emit("error", wireError(error));
  }

  onMessage(handle: (message: Uint8Array) => void): void {
    if (!("read" in this.call)) return;
    this.call.on("data", handle);
    // A client that goes away in the middle of a message, or sends one too large: the call is over all the same.
    this.call.on("error", () => undefined);
  }

  onEnd(handle: () => void): void {
    if ("read" in this.call) this.call.once("end", handle);
  }

  pause(): void {
    if ("pause" in this.call) this.call.pause();
  }

  resume(): void {
    if ("resume" in this.call) this.call.resume();
  }
}
