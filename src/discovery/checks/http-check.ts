import type { HealthCheck } from "../registry/health.ts";
import type { CheckTiming } from "./check-timing.ts";

export interface HttpCheckOptions extends CheckTiming {
  /** Default `GET`. */
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Passes when a URL answers with a status from 200 to 299; a redirection is no such answer.
 *
 * @example
 * ```ts
 * await q.services.register({ ...here, checks: [httpCheck("http://127.0.0.1:8080/health", { everyMs: 2_000 })] });
 * ```
 */
export function httpCheck(
  url: string | URL,
  { method = "GET", headers = {}, ...timing }: HttpCheckOptions = {},
): HealthCheck {
  return {
    name: `${method} ${String(url)}`,
    async probe({ signal }) {
      const response = await fetch(url, { method, headers, signal, redirect: "manual" }).catch((error: Error) => {
        // fetch says "fetch failed", and why in the cause.
        throw error.cause instanceof Error ? error.cause : error;
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`status ${response.status}`);
    },
    ...timing,
  };
}
