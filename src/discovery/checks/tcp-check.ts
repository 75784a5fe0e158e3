import { connect } from "node:net";
import type { Address } from "../../environment.ts";
import type { HealthCheck } from "../registry/health.ts";
import type { CheckTiming } from "./check-timing.ts";

/** Passes when a connection comes up; it is closed at once. */
export function tcpCheck({ host, port }: Address, timing: CheckTiming = {}): HealthCheck {
  return {
    name: `connect to ${host}:${port}`,
    probe: ({ signal }) =>
      new Promise<void>((resolve, reject) => {
        const socket = connect({ host, port, signal });
        socket.once("connect", () => {
          socket.destroy();
          resolve();
        });
        socket.once("error", reject);
      }),
    ...timing,
  };
}
