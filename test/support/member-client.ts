/**
 * A bare etcd v3 client of one member: one connection, one try, no fail-over. Tests must know who answered and how, and
 * that nothing was sent twice behind their back.
 */
import {
  create,
  type DescMessage,
  type DescMethodUnary,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import {
  KV,
  type PutResponse,
  type RangeRequestSchema,
  type RangeResponse,
} from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import { Maintenance, type StatusResponse } from "../../src/wire/gen/etcdserverpb/maintenance_pb.ts";
import {
  Watch,
  type WatchRequest,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../src/wire/gen/etcdserverpb/watch_pb.ts";

const DEFAULT_TIMEOUT_MS = 5_000;

const OPTIONS = {
  // A killed member must be found again soon after it is back; the defaults wait up to two minutes.
  "grpc.initial_reconnect_backoff_ms": 50,
  "grpc.min_reconnect_backoff_ms": 50,
  "grpc.max_reconnect_backoff_ms": 250,
  "grpc.use_local_subchannel_pool": 1,
  // grpc-js may otherwise send a call again by itself.
  "grpc.enable_retries": 0,
  "grpc.max_receive_message_length": 256 * 1024 * 1024,
};

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this. Default 5000. */
  readonly timeoutMs?: number;
}

export type WatchStream = ClientDuplexStream<WatchRequest, WatchResponse>;

const utf8 = new TextEncoder();

/** Text as the bytes of its UTF-8. */
export function bytesOf(text: string): Uint8Array {
  return utf8.encode(text);
}

/** Bytes of UTF-8 as text. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
}

/** The `range_end` that makes a range of all keys that begin with `prefix`. */
export function prefixEnd(prefix: string): Uint8Array {
  const end = bytesOf(prefix);
  for (let at = end.length - 1; at >= 0; at--) {
    const byte = end[at] as number;
    if (byte < 0xff) {
      end[at] = byte + 1;
      return end.subarray(0, at + 1);
    }
  }
  return Uint8Array.of(0);
}

export class MemberClient {
  readonly endpoint: string;
  #client: Client | null = null;

  /** `endpoint` is host:port. Connects with the first call. */
  constructor(endpoint: string) {
    this.endpoint = endpoint;
  }

  /** One unary call. Fails with grpc-js's `ServiceError` (`code`, `details`). */
  call<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    init: MessageInitShape<I>,
    { timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions = {},
  ): Promise<MessageShape<O>> {
    const request = create(method.input, init);
    return new Promise((resolve, reject) => {
      this.#connection.makeUnaryRequest<MessageShape<I>, MessageShape<O>>(
        `/${method.parent.typeName}/${method.name}`,
        (message) => Buffer.from(toBinary(method.input, message)),
        (bytes) => fromBinary(method.output, bytes),
        request,
        new Metadata(),
        { deadline: Date.now() + timeoutMs },
        (error: ServiceError | null, response?: MessageShape<O>) => {
          if (error !== null) reject(error);
          else resolve(response as MessageShape<O>);
        },
      );
    });
  }

  put(key: string, value: string, options?: CallOptions): Promise<PutResponse> {
    return this.call(KV.method.put, { key: bytesOf(key), value: bytesOf(value) }, options);
  }

  /** One key, linearizable unless `serializable` is set in `more`. */
  get(
    key: string,
    more: MessageInitShape<typeof RangeRequestSchema> = {},
    options?: CallOptions,
  ): Promise<RangeResponse> {
    return this.call(KV.method.range, { ...more, key: bytesOf(key) }, options);
  }

  /** All keys that begin with `prefix`. */
  list(
    prefix: string,
    more: MessageInitShape<typeof RangeRequestSchema> = {},
    options?: CallOptions,
  ): Promise<RangeResponse> {
    return this.call(KV.method.range, { ...more, key: bytesOf(prefix), rangeEnd: prefixEnd(prefix) }, options);
  }

  status(options: CallOptions = { timeoutMs: 1_000 }): Promise<StatusResponse> {
    return this.call(Maintenance.method.status, {}, options);
  }

  /** The open stream; the caller listens for `data`, `error` and `end`, and cancels it. */
  watch(): WatchStream {
    return this.#connection.makeBidiStreamRequest<WatchRequest, WatchResponse>(
      `/${Watch.typeName}/${Watch.method.watch.name}`,
      (message) => Buffer.from(toBinary(WatchRequestSchema, message)),
      (bytes) => fromBinary(WatchResponseSchema, bytes),
    );
  }

  /** Ends the connection; the next call makes a new one. */
  close(): void {
    this.#client?.close();
    this.#client = null;
  }

  get #connection(): Client {
    this.#client ??= new Client(this.endpoint, credentials.createInsecure(), OPTIONS);
    return this.#client;
  }
}
