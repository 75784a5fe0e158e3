/**
 * The header blocks of requests (gRPC over HTTP/2, "Requests"). A client makes the same few calls again and again: each
 * block is encoded once, and needs no memory at the server.
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { CONTENT_TYPE } from "../content-type.ts";
import { encodeBlock } from "../hpack/encoder.ts";
import { Field } from "../hpack/field.ts";
import { LONGEST_BLOCK } from "../http2/sender.ts";

/** Sent beside a request. Names in lower case. */
export type Metadata = Readonly<Record<string, string>>;

/** More would be metadata that changes with every call, such as tokens: then all are encoded anew. */
const MOST_KEPT = 256;

export class RequestBlocks {
  readonly #scheme: string;
  readonly #authority: string;
  readonly #kept = new Map<string, Uint8Array>();

  constructor(scheme: "http" | "https", authority: string) {
    this.#scheme = scheme;
    this.#authority = authority;
  }

  /**
   * @param timeoutMs how long the caller waits, above 0; Infinity: without end
   * @throws QuorateError INVALID_ARGUMENT for metadata that cannot be sent
   */
  blockOf(path: string, timeoutMs: number, metadata: Metadata): Uint8Array {
    const timeout = timeoutText(timeoutMs);
    let key = `${path}\n${timeout}`;
    for (const name in metadata) key += `\n${name}:${metadata[name] ?? ""}`;
    const known = this.#kept.get(key);
    if (known !== undefined) return known;
    const block = this.#encode(path, timeout, metadata);
    if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
    this.#kept.set(key, block);
    return block;
  }

  #encode(path: string, timeout: string, metadata: Metadata): Uint8Array {
    const entries = Object.entries(metadata);
    for (const [name, value] of entries) mustBeSendable(name, value);
    const block = encodeBlock([
      [":method", "POST"],
      [":scheme", this.#scheme],
      [":path", path],
      [":authority", this.#authority],
      // Shows whether somebody stands between who does not know trailers.
      ["te", "trailers"],
      ...(timeout === "" ? [] : ([["grpc-timeout", timeout]] as const)),
      CONTENT_TYPE,
      ["user-agent", "quorate"],
      ...entries,
    ]);
    if (block.length <= LONGEST_BLOCK) return block;
    throw invalid(`the metadata of a call has ${block.length} bytes, at most ${LONGEST_BLOCK} can be sent`);
  }
}

/** Digits that a time is rounded to. */
const DIGITS = 2;
const MOST_DIGITS = 99_999_999;

/**
 * "grpc-timeout". Rounded up to two digits: the caller keeps to the time itself, and the fewer texts there are, the more
 * often a block, which both ends remember, is the same. Empty: without end.
 */
export function timeoutText(timeoutMs: number): string {
  if (timeoutMs === Number.POSITIVE_INFINITY) return "";
  const ms = Math.max(1, Math.ceil(timeoutMs));
  const step = 10 ** Math.max(0, String(ms).length - DIGITS);
  const rounded = Math.ceil(ms / step) * step;
  return rounded <= MOST_DIGITS ? `${rounded}m` : `${Math.ceil(rounded / 1_000)}S`;
}

function mustBeSendable(name: string, value: string): void {
  const { flaw } = new Field(name, value);
  if (flaw !== null) throw invalid(`metadata that cannot be sent: ${flaw}`);
  // Not the value: it may be a secret.
  if (!/^[\x20-\x7e]*$/.test(value))
    throw invalid(`metadata that cannot be sent: ${name} has a character that is not ASCII`);
}

function invalid(message: string): QuorateError {
  return new QuorateError("INVALID_ARGUMENT", GrpcStatus.invalidArgument, message);
}
