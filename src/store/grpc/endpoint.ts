import { isIP } from "node:net";
import { storeErrors } from "../errors.ts";

/** Where a member answers clients. */
export interface Endpoint {
  /** As the user or the cluster wrote it; used in output and errors. */
  readonly text: string;
  /** `host:port`, an IPv6 host in brackets. */
  readonly authority: string;
  readonly host: string;
  readonly port: number;
  /** What the text says of encryption; `null`: nothing. */
  readonly scheme: "http" | "https" | null;
}

/** Reads `127.0.0.1:2379`, `http://[::1]:2379`, `https://etcd.example:2379`; a string says what is wrong with the text. */
export function readEndpoint(text: string): Endpoint | string {
  const written = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1];
  const scheme = written?.toLowerCase() ?? null;
  if (scheme !== null && scheme !== "http" && scheme !== "https") {
    return `: ${scheme}:// is not supported; use http://, https:// or host:port`;
  }
  const authority = text.slice(written === undefined ? 0 : written.length + 3).replace(/\/$/, "");
  const match = /^(?:\[([0-9a-f:.]+)\]|([^\s:/[\]@?#]+)):(\d{1,5})$/i.exec(authority);
  const host = match?.[1] ?? match?.[2];
  const port = Number(match?.[3]);
  if (host === undefined || port < 1 || port > 65_535 || (match?.[1] !== undefined && isIP(host) !== 6)) {
    return " is not host:port with a port from 1 to 65535, such as 127.0.0.1:2379";
  }
  return { text, authority, host, port, scheme };
}

/**
 * One endpoint, several separated by commas, or a list of them; the same one twice counts once.
 * @throws QuorateError INVALID_ARGUMENT naming the endpoint that cannot be used
 */
export function parseEndpoints(endpoints: string | readonly string[]): Endpoint[] {
  const texts = (typeof endpoints === "string" ? [endpoints] : endpoints)
    .flatMap((text) => text.split(","))
    .map((text) => text.trim())
    .filter((text) => text !== "");
  if (texts.length === 0)
    throw storeErrors.invalidArgument("there is no endpoint: give at least one, such as 127.0.0.1:2379");
  const read = texts.map((text) => {
    const endpoint = readEndpoint(text);
    if (typeof endpoint === "string") throw storeErrors.invalidArgument(`endpoint ${JSON.stringify(text)}${endpoint}`);
    return endpoint;
  });
  return [...new Map(read.map((endpoint) => [`${endpoint.scheme} ${endpoint.authority}`, endpoint])).values()];
}
