import { Client, credentials } from "@grpc/grpc-js";
import type { HealthCheck } from "../registry/health.ts";
import type { CheckTiming } from "./check-timing.ts";

export interface GrpcCheckOptions extends CheckTiming {
  /** Which of the server's services is asked for; default: the server as a whole. */
  readonly service?: string;
  /** Over TLS; default: plain text. */
  readonly tls?: boolean;
}

/** Of grpc.health.v1.HealthCheckResponse. */
const SERVING = 1;
const STATUS_NAMES = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"];
/** The tags of the only field of request (1, length-delimited) and response (1, varint). */
const SERVICE_TAG = 0x0a;
const STATUS_TAG = 0x08;

/**
 * Passes when a server says SERVING by gRPC's health checking protocol (grpc.health.v1.Health/Check).
 * @param target `127.0.0.1:50051`
 */
export function grpcCheck(target: string, options: GrpcCheckOptions = {}): HealthCheck {
  const { service = "", tls = false, ...timing } = options;
  return {
    name: `grpc health of ${target}${service === "" ? "" : ` ${service}`}`,
    async probe({ signal }) {
      const client = new Client(target, tls ? credentials.createSsl() : credentials.createInsecure());
      // Also ends a call that is under way.
      signal.addEventListener("abort", () => client.close(), { once: true });
      try {
        const status = await check(client, service, signal);
        if (status !== SERVING) throw new Error(STATUS_NAMES[status] ?? `status ${status}`);
      } finally {
        client.close();
      }
    },
    ...timing,
  };
}

function check(client: Client, service: string, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      encodeRequest,
      decodeStatus,
      service,
      (error, status) => {
        if (error !== null) reject(error);
        else resolve(status ?? 0);
      },
    );
    signal.addEventListener("abort", () => call.cancel(), { once: true });
  });
}

function encodeRequest(service: string): Buffer {
  const name = Buffer.from(service);
  if (name.length === 0) return Buffer.alloc(0);
  // Lengths from 128 on take two bytes; no service has a name of 16 KiB.
  const length = name.length < 128 ? [name.length] : [(name.length & 0x7f) | 0x80, name.length >> 7];
  return Buffer.concat([Buffer.from([SERVICE_TAG, ...length]), name]);
}

/** A field that is left out is 0. */
function decodeStatus(bytes: Buffer): number {
  return bytes[0] === STATUS_TAG ? (bytes[1] ?? 0) : 0;
}
