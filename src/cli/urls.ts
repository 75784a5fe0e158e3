/** Lists of URLs on a command line, in the one form the cluster knows them by: `http://host:port`. */
import { isIP } from "node:net";
import { usageError } from "./failure.ts";

export interface HostPort {
  /** Without brackets. */
  readonly host: string;
  readonly port: number;
}

/**
 * Reads `http://host:port[,…]`. Host names are put in lower case; nothing else is changed, so that the same list gives
 * the same member ids everywhere. `source` is what the user has to change.
 * @throws usageError naming the URL that cannot be used
 */
export function parseUrls(source: string, list: string): string[] {
  const urls = list.split(",").map((text) => parseUrl(source, text.trim()));
  const twice = urls.find((url, index) => urls.indexOf(url) !== index);
  if (twice !== undefined) throw usageError(`${source} ${JSON.stringify(list)} names ${twice} twice: leave one out`);
  return urls;
}

function parseUrl(source: string, text: string): string {
  const shown = `${source} ${JSON.stringify(text)}`;
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "https" || scheme === "unixs")
    throw usageError(`${shown}: TLS is not supported yet; use http://host:port`);
  if (scheme === "unix") throw usageError(`${shown}: unix sockets are not supported yet; use http://host:port`);
  const match = /^http:\/\/(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+)):(\d{1,5})\/?$/i.exec(text);
  const host = (match?.[1] ?? match?.[2])?.toLowerCase();
  const port = Number(match?.[3]);
  const isBracketed = match?.[1] !== undefined;
  if (host === undefined || port > 65_535 || (isBracketed && isIP(host) !== 6)) {
    throw usageError(`${shown} is no URL of the form http://host:port, such as http://127.0.0.1:2379`);
  }
  return `http://${isBracketed ? `[${host}]` : host}:${port}`;
}

/**
 * URLs to listen on: the host must be an address of this machine, or localhost. Port 0 lets the system choose.
 * @throws usageError naming the URL that cannot be used
 */
export function parseListenUrls(source: string, list: string): string[] {
  const urls = parseUrls(source, list);
  for (const url of urls) {
    const { host } = hostPort(url);
    if (isIP(host) === 0 && host !== "localhost") {
      throw usageError(
        `${source} ${JSON.stringify(url)}: ${host} is a name; to listen give an IP address of this machine, such as 127.0.0.1 or 0.0.0.0`,
      );
    }
  }
  return urls;
}

/**
 * URLs that others use: not an address that only means "all of this machine", not port 0.
 * @throws usageError naming the URL that cannot be used
 */
export function parseAdvertisedUrls(source: string, list: string): string[] {
  const urls = parseUrls(source, list);
  for (const url of urls) {
    if (isWildcard(url))
      throw usageError(
        `${source} ${JSON.stringify(url)} cannot be reached by others: give an address or name of this machine`,
      );
    if (hostPort(url).port === 0)
      throw usageError(`${source} ${JSON.stringify(url)} has port 0: give the port others can reach`);
  }
  return urls;
}

export function isWildcard(url: string): boolean {
  const { host } = hostPort(url);
  return host === "0.0.0.0" || (isIP(host) === 6 && /^[0:]+$/.test(host));
}

/** The parts of a URL in the form `parseUrls` gives. */
export function hostPort(url: string): HostPort {
  const match = /^http:\/\/(?:\[(.+)\]|([^:]+)):(\d+)$/.exec(url);
  return { host: match?.[1] ?? match?.[2] ?? "", port: Number(match?.[3] ?? Number.NaN) };
}
