/** The header fields of a request, and what HTTP/2 demands of them (RFC 9113 §8.2, §8.3). */
import type { Field } from "../hpack/field.ts";

export interface RequestHead {
  readonly fields: readonly Field[];
  /** ":method"; empty if malformed. */
  readonly method: string;
  /** ":path"; empty if malformed, and for a CONNECT. */
  readonly path: string;
  /** What "content-length" says the DATA frames bring; -1 if it was not sent. */
  readonly contentLength: number;
  /** Why the request must be reset and not be answered; null for a sound one. */
  readonly malformed: string | null;
}

/** Fields about one connection only, which HTTP/2 has other means for (RFC 9113 §8.2.2). */
export const CONNECTION_FIELDS: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

export function readRequestHead(fields: readonly Field[]): RequestHead {
  let method: string | null = null;
  let scheme: string | null = null;
  let authority: string | null = null;
  let path: string | null = null;
  let contentLength = -1;
  let regular = false;
  const malformed = (why: string): RequestHead => ({ fields, method: "", path: "", contentLength: -1, malformed: why });

  for (const field of fields) {
    if (field.flaw !== null) return malformed(field.flaw);
    const { name, value } = field;
    if (name.charCodeAt(0) === COLON) {
      if (regular) return malformed(`${name} stands behind a regular field`);
      let before: string | null;
      switch (name) {
        case ":method":
          before = method;
          method = value;
          break;
        case ":path":
          before = path;
          path = value;
          break;
        case ":scheme":
          before = scheme;
          scheme = value;
          break;
        case ":authority":
          before = authority;
          authority = value;
          break;
        default:
          return malformed(`${name} is no field of a request`);
      }
      if (before !== null) return malformed(`${name} stands there twice`);
      continue;
    }
    regular = true;
    if (name === "te") {
      if (value.toLowerCase() !== "trailers") return malformed(`te may only be "trailers", not "${value}"`);
    } else if (name === "content-length") {
      const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
      if (length < 0) return malformed(`the content-length "${value}" is no length`);
      if (contentLength >= 0 && length !== contentLength) return malformed("content-length stands there twice");
      contentLength = length;
    } else if (CONNECTION_FIELDS.has(name)) {
      return malformed(`${name} has no place in HTTP/2`);
    }
  }
  if (method === null || method === "") return malformed(":method is missing");
  if (method === "CONNECT") {
    if (scheme !== null || path !== null) return malformed("a CONNECT has no :scheme and no :path");
    return { fields, method, path: "", contentLength, malformed: null };
  }
  if (scheme === null || scheme === "") return malformed(":scheme is missing");
  if (path === null || path === "") return malformed(":path is missing");
  return { fields, method, path, contentLength, malformed: null };
}

/** Why the fields behind a body are malformed; null if they are not. */
export function flawOfTrailers(fields: readonly Field[]): string | null {
  for (const { name, flaw } of fields) {
    if (flaw !== null) return flaw;
    if (name.charCodeAt(0) === COLON) return `${name} stands behind the body`;
    if (CONNECTION_FIELDS.has(name)) return `${name} has no place in HTTP/2`;
  }
  return null;
}

const COLON = 0x3a;
