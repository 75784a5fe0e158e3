/** How answers begin and end (gRPC over HTTP/2, "Responses"): header blocks, written once where they are always the same. */
import { GrpcStatus } from "../errors.ts";
import { CONTENT_TYPE } from "./content-type.ts";
import { encodeBlock } from "./hpack/encoder.ts";
import type { Ending } from "./http2/stream.ts";
import { percentEncode } from "./status-message.ts";

type Fields = readonly (readonly [name: string, value: string])[];

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
