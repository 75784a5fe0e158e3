/** What the header blocks of an answer mean (gRPC over HTTP/2, "Responses"): the one in front, the one behind, or both in one. */
import { GrpcStatus } from "../../errors.ts";
import { isGrpc } from "../content-type.ts";
import { Field } from "../hpack/field.ts";
import { CONNECTION_FIELDS } from "../http2/request-head.ts";
import { percentDecode } from "../status-message.ts";

export interface AnswerHead {
  /** ":status"; null in a block behind messages. */
  readonly httpStatus: number | null;
  /** "content-type"; empty if it was not sent. */
  readonly contentType: string;
  readonly isGrpc: boolean;
  /** "grpc-encoding": in what compressed messages are compressed. */
  readonly encoding: string;
  /** "grpc-status"; null if it was not sent. What is no number counts as unknown. */
  readonly grpcStatus: number | null;
  /** "grpc-message". */
  readonly grpcMessage: string;
  /** What HTTP/2 does not allow of such a block, in words (RFC 9113 §8.2, §8.3); null for a sound one. */
  readonly malformed: string | null;
}

/** @param fields null: more than `maxListBytes` */
export function readAnswerHead(fields: readonly Field[] | null, maxListBytes: number): AnswerHead {
  const values = new Map<string, string>();
  const malformed = fields === null ? `more than ${maxListBytes} bytes of header fields` : flawOf(fields);
  for (const { name, value } of fields ?? []) if (!values.has(name)) values.set(name, value);
  const contentType = values.get("content-type") ?? "";
  const httpStatus = values.get(":status");
  const grpcStatus = values.get("grpc-status");
  return {
    httpStatus: httpStatus === undefined ? null : Number(httpStatus),
    contentType,
    isGrpc: isGrpc(contentType),
    encoding: values.get("grpc-encoding") ?? "identity",
    grpcStatus: grpcStatus === undefined ? null : statusOf(grpcStatus),
    grpcMessage: percentDecode(values.get("grpc-message") ?? ""),
    malformed,
  };
}

function flawOf(fields: readonly Field[]): string | null {
  let hasStatus = false;
  let regular = false;
  for (const { name, value, flaw } of fields) {
    if (flaw !== null && !isBlankedMessage(name, value)) return flaw;
    if (name.charCodeAt(0) !== COLON) {
      if (CONNECTION_FIELDS.has(name)) return `${name} has no place in HTTP/2`;
      regular = true;
    } else {
      if (name !== ":status") return `${name} is no field of an answer`;
      if (regular) return ":status stands behind a regular field";
      if (hasStatus) return ":status stands there twice";
      if (!/^[1-9]\d\d$/.test(value)) return `the :status "${value}" is no status of HTTP`;
      hasStatus = true;
    }
  }
  return null;
}

/** gRPC lets a text begin and end with blanks, and servers send such, though HTTP/2 does not (RFC 9113 §8.2.1). */
function isBlankedMessage(name: string, value: string): boolean {
  return name === "grpc-message" && new Field(name, `"${value}"`).flaw === null;
}

function statusOf(text: string): number {
  return /^\d{1,9}$/.test(text) ? Number(text) : GrpcStatus.unknown;
}

/** The status of an answer that has none of gRPC's: somebody between us and the server gave it. */
export function statusOfHttp(httpStatus: number): GrpcStatus {
  return STATUS_OF_HTTP[httpStatus] ?? GrpcStatus.unknown;
}

const STATUS_OF_HTTP: Readonly<Record<number, GrpcStatus>> = {
  400: GrpcStatus.internal,
  401: GrpcStatus.unauthenticated,
  403: GrpcStatus.permissionDenied,
  404: GrpcStatus.unimplemented,
  429: GrpcStatus.unavailable,
  502: GrpcStatus.unavailable,
  503: GrpcStatus.unavailable,
  504: GrpcStatus.unavailable,
};

const COLON = 0x3a;
