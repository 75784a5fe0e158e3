/**
 * grpc.health.v1.Health: this member serves while it knows a leader. Only the server as a whole, "", is known by name.
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
  HealthListResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../wire/gen/grpc/health/v1/health_pb.ts";
import type { Method } from "../front-door.ts";
import { decodeMessage, encodeMessage, unaryMethod } from "../messages.ts";
import type { ServiceContext } from "../service-context.ts";

export function healthMethods({ view }: ServiceContext): Method[] {
  const now = (): ServingStatus => (view.hasLeader ? ServingStatus.SERVING : ServingStatus.NOT_SERVING);
  return [
    unaryMethod("/grpc.health.v1.Health/Check", HealthCheckRequestSchema, HealthCheckResponseSchema, ({ service }) => {
      if (service !== "") {
        const message = `unknown service "${service}": ask for the whole server, ""`;
        throw new QuorateError("UNKNOWN_SERVICE", GrpcStatus.notFound, message);
      }
      return { status: now() };
    }),
    unaryMethod("/grpc.health.v1.Health/List", HealthListRequestSchema, HealthListResponseSchema, () => ({
      statuses: { "": { status: now() } },
    })),
    {
      kind: "serverStream",
      path: "/grpc.health.v1.Health/Watch",
      handle(request, call) {
        const { service } = decodeMessage(HealthCheckRequestSchema, request);
        const tell = (status: ServingStatus): void => {
          call.write(encodeMessage(HealthCheckResponseSchema, { status }));
        };
        if (service !== "") return tell(ServingStatus.SERVICE_UNKNOWN);
        let told = now();
        tell(told);
        call.onCancel(
          view.onChange(() => {
            if (now() === told) return;
            told = now();
            tell(told);
          }),
        );
      },
    },
  ];
}
