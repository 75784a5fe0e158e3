/** What a request's header fields mean to gRPC ("Requests" in gRPC over HTTP/2), read once for all requests that have the same. */
import { GrpcStatus } from "../errors.ts";
import type { Method } from "./call.ts";
import { isGrpc } from "./content-type.ts";
import { failure, refusal } from "./ending.ts";
import type { Field } from "./hpack/field.ts";
import { type RequestHead, readRequestHead } from "./http2/request-head.ts";
import type { Ending } from "./http2/stream.ts";

export interface CallHead extends RequestHead {
  /** Who answers; null if the request is refused. */
  readonly target: Method | null;
  /** With what it is answered instead; null if somebody answers. */
  readonly refusal: Ending | null;
  /** How long the client waits; Infinity if it does not say, or for so long that no timer could tell. */
  readonly timeoutMs: number;
  /** "grpc-encoding": in what compressed messages are compressed. */
  readonly encoding: string;
}

const TOO_MANY_FIELDS: RequestHead = { fields: [], method: "", path: "", contentLength: -1, malformed: null };

/** @param fields null: more than we take */
export function readCallHead(
  fields: readonly Field[] | null,
  maxListBytes: number,
  methods: ReadonlyMap<string, Method>,
): CallHead {
  const refused = (head: RequestHead, ending: Ending | null): CallHead => ({
    ...head,
    target: null,
    refusal: ending,
    timeoutMs: Number.POSITIVE_INFINITY,
    encoding: "identity",
  });
  if (fields === null) {
    const text = `the request has more than ${maxListBytes} bytes of metadata`;
    return refused(TOO_MANY_FIELDS, refusal(431, GrpcStatus.resourceExhausted, text));
  }
  const head = readRequestHead(fields);
  const { method, path } = head;
  if (head.malformed !== null) return refused(head, null);
  if (method !== "POST") {
    const text = `a gRPC call is a POST, not a ${method}`;
    return refused(head, refusal(405, GrpcStatus.internal, text, [["allow", "POST"]]));
  }
  const contentType = valueOf(fields, "content-type");
  if (!isGrpc(contentType)) {
    const text = `the content-type of a gRPC call is application/grpc, not "${contentType ?? ""}"`;
    return refused(head, refusal(415, GrpcStatus.invalidArgument, text));
  }
  const timeout = valueOf(fields, "grpc-timeout");
  const timeoutMs = timeout === null ? Number.POSITIVE_INFINITY : millisecondsOf(timeout);
  if (timeoutMs === null) {
    const text = `malformed grpc-timeout "${timeout}": write up to eight digits and one of H, M, S, m, u, n`;
    return refused(head, failure(GrpcStatus.internal, text));
  }
  const target = methods.get(path);
  if (target === undefined) return refused(head, unknown(path, methods));
  const encoding = valueOf(fields, "grpc-encoding") ?? "identity";
  return { ...head, target, refusal: null, timeoutMs, encoding };
}

/** The first value of a field; null if it was not sent. */
export function valueOf(fields: readonly Field[], name: string): string | null {
  for (const field of fields) if (field.name === name) return field.value;
  return null;
}

const MS_PER_UNIT: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 };
/** Timers that run longer would run out at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Null if it is malformed. */
function millisecondsOf(timeout: string): number | null {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(timeout) ?? [];
  const factor = MS_PER_UNIT[unit ?? ""];
  if (digits === undefined || factor === undefined) return null;
  const ms = Number(digits) * factor;
  return ms > LONGEST_TIMER_MS ? Number.POSITIVE_INFINITY : ms;
}

/** In the words of etcd's server. */
function unknown(path: string, methods: ReadonlyMap<string, Method>): Ending {
  const [, service, name] = /^\/(.*)\/([^/]*)$/.exec(path) ?? [];
  if (service === undefined || name === undefined) {
    return failure(GrpcStatus.unimplemented, `malformed method name: ${JSON.stringify(path)}`);
  }
  const prefix = `/${service}/`;
  const isKnown = [...methods.keys()].some((known) => known.startsWith(prefix));
  const text = isKnown ? `unknown method ${name} for service ${service}` : `unknown service ${service}`;
  return failure(GrpcStatus.unimplemented, text);
}
