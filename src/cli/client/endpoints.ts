import { isIP } from "node:net";
import { usageError } from "../failure.ts";

/** Where a member answers clients. */
export interface Endpoint {
  /** As the user or the cluster wrote it; used in output and errors. */
  readonly text: string;
  /** `host:port`, an IPv6 host in brackets. */
  readonly authority: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Reads a comma-separated list such as `127.0.0.1:2379,http://[::1]:2379`. `source` is what the user has to change.
 * @throws usageError naming the endpoint that cannot be used
 */
export function parseEndpoints(list: string, source = "--endpoints"): Endpoint[] {
  const texts = list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (texts.length === 0)
    throw usageError(
      `${source} ${JSON.stringify(list)} names no endpoint: give host:port, several separated by commas`,
    );
  return texts.map((text) => parseEndpoint(text, source));
}

function parseEndpoint(text: string, source: string): Endpoint {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "https" || scheme === "unixs") {
    throw usageError(`${source} ${JSON.stringify(text)}: TLS is not supported yet; use http:// or host:port`);
  }
  if (scheme !== undefined && scheme !== "http") {
    throw usageError(`${source} ${JSON.stringify(text)}: ${scheme}:// is not supported; use http:// or host:port`);
  }
  const authority = (scheme === undefined ? text : text.slice(scheme.length + 3)).replace(/\/$/, "");
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]@?#]+)):(\d{1,5})$/i.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    throw usageError(
      `${source} ${JSON.stringify(text)} is not host:port with a port from 1 to 65535, such as 127.0.0.1:2379`,
    );
  }
  return { text, authority, host, port };
}
