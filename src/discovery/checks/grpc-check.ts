import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { parseEndpoints } from "../../store/grpc/endpoint.ts";
import { grpcDialler } from "../../store/grpc/grpc-dialler.ts";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../wire/gen/grpc/health/v1/health_pb.ts";
import type { Method } from "../../wire/methods.ts";
import type { HealthCheck } from "../registry/health.ts";
import type { CheckTiming } from "./check-timing.ts";

export interface GrpcCheckOptions extends CheckTiming {
  /** Which of the server's services is asked for; default: the server as a whole. */
  readonly service?: string;
  /** Over TLS; default: plain text. */
  readonly tls?: boolean;
}

/** Longer than any check may take: the check's own time ends it. */
const LONGEST_MS = 600_000;

const check: Method<string, ServingStatus> = {
  path: "/grpc.health.v1.Health/Check",
  repeatable: true,
  encode: (service) => toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })),
  decode: (bytes) => fromBinary(HealthCheckResponseSchema, bytes).status,
};

/**
 * Passes when a server says SERVING by gRPC's health checking protocol (grpc.health.v1.Health/Check).
 * @param target `127.0.0.1:50051`
 */
export function grpcCheck(target: string, options: GrpcCheckOptions = {}): HealthCheck {
  const { service = "", tls = false, ...timing } = options;
  const [endpoint] = parseEndpoints(`${tls ? "https" : "http"}://${target}`);
  if (endpoint === undefined) throw new TypeError(`no server is named by ${JSON.stringify(target)}`);
  const dialler = grpcDialler(endpoint);
  return {
    name: `grpc health of ${target}${service === "" ? "" : ` ${service}`}`,
    async probe({ signal }) {
      const channel = await dialler.dial(LONGEST_MS, signal);
      try {
        const status = await channel.call(check, service, { timeoutMs: LONGEST_MS, signal });
        if (status !== ServingStatus.SERVING) throw new Error(nameOf(status) ?? `status ${status}`);
      } finally {
        channel.close();
      }
    },
    ...timing,
  };
}

function nameOf(status: number): string | undefined {
  return Object.entries(ServingStatus).find(([, value]) => value === status)?.[0];
}
