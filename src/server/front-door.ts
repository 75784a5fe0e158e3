/**
 * The front door: where calls of clients come in and their answers go out, as raw messages.
 *
 * A door knows HTTP/2 and gRPC framing, and nothing of etcd; services know their messages, and nothing of sockets. A
 * door serves a table of methods. This one is `grpc/` on the sockets of the shared port.
 */
import type { Socket } from "node:net";
import type { Clock } from "../environment.ts";
import type { Method } from "../grpc/call.ts";
import { GrpcDoor } from "../grpc/door.ts";
import { connectionOver } from "../node/network.ts";

export type { Answer, BidiCall, Call, Method, StreamCall } from "../grpc/call.ts";

export interface FrontDoorOptions {
  readonly clock: Clock;
  readonly methods: readonly Method[];
  /** The largest message taken from a client. */
  readonly maxReceiveBytes: number;
  /** Calls open at once on one connection; more are refused or wait, as the client likes. */
  readonly maxConcurrentCalls: number;
  /** Bytes of answers that may wait on one connection for its client; above it the connection is cut. */
  readonly maxUnreadBytes: number;
  /** A connection on which nothing comes for this long is pinged, and closed if no answer comes in time. */
  readonly keepaliveIntervalMs: number;
  readonly keepaliveTimeoutMs: number;
}

export interface FrontDoor {
  /** Takes a connection whose client speaks HTTP/2. Nothing of it has been read, or it was put back. */
  accept(socket: Socket): void;
  /** Tells clients to go, lets calls finish for up to `drainMs`, then cuts what is left. */
  close(drainMs: number): Promise<void>;
}

export function openFrontDoor(options: FrontDoorOptions): FrontDoor {
  const { clock, methods, maxReceiveBytes, maxConcurrentCalls, ...limits } = options;
  const door = new GrpcDoor({
    clock,
    methods,
    maxReceiveBytes,
    limits: { ...limits, maxConcurrentStreams: maxConcurrentCalls },
  });
  return {
    accept: (socket) => door.accept(connectionOver(socket)),
    close: (drainMs) => door.close(drainMs),
  };
}
