/** How answers begin and end (gRPC over HTTP/2, "Responses"): header blocks, written once where they are always the same. */
import { GrpcStatus } from "../errors.ts";
import { encodeBlock } from "./hpack/encoder.ts";
import type { Ending } from "./http2/stream.ts";

type Fields = readonly (readonly [name: string, value: string])[];

const CONTENT_TYPE = ["content-type", "application/grpc"] as const;

/** Octets of a status message as it is sent; some clients take only 8 KiB of header fields. */
const LONGEST_MESSAGE = 4_096;

/** What every answer with messages begins with. */
export const ANSWER_HEAD: Uint8Array = encodeBlock([[":status", "200"], CONTENT_TYPE]);

export const OK: Ending = { trailers: encodeBlock([["grpc-status", String(GrpcStatus.ok)]]), alone: null };

/** An answer that ends with an error. @param more further trailers */
export function failure(status: GrpcStatus, message: string, more: Fields = []): Ending {
  return endingOf(200, status, message, more);
}

/** The answer to what is no gRPC call, for HTTP clients and for gRPC clients that came here by mistake. */
export function refusal(httpStatus: number, status: GrpcStatus, message: string, more: Fields = []): Ending {
  return endingOf(httpStatus, status, message, more);
}

function endingOf(httpStatus: number, status: GrpcStatus, message: string, more: Fields): Ending {
  const trailers: Fields = [["grpc-status", String(status)], ["grpc-message", percentEncode(message)], ...more];
  return {
    trailers: encodeBlock(trailers),
    alone: encodeBlock([[":status", String(httpStatus)], CONTENT_TYPE, ...trailers]),
  };
}

/** Printable ASCII as it is, other octets of the UTF-8 as "%" and two digits. */
export function percentEncode(message: string): string {
  let text = "";
  for (const octet of new TextEncoder().encode(message)) {
    const isPlain = octet >= SPACE && octet < DELETE && octet !== PERCENT;
    text += isPlain ? String.fromCharCode(octet) : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    if (text.length >= LONGEST_MESSAGE) break;
  }
  return text;
}

const SPACE = 0x20;
const PERCENT = 0x25;
const DELETE = 0x7f;
