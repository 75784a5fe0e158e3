/**
 * The command's own small client: raw calls over gRPC with the codecs of `wire/`, several endpoints, no retries that
 * could repeat a write.
 *
 * An endpoint is used only once its connection stands, so a member that is down costs nothing but the attempt, for
 * writes too. After that a call that broke is repeated at the next endpoint only if it is a read.
 */
import { connect } from "node:net";
import type * as grpc from "@grpc/grpc-js";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { Method } from "../../wire/methods.ts";
import { formatDuration } from "../duration.ts";
import { callError, oneLine } from "../failure.ts";
import type { Endpoint } from "./endpoints.ts";

export interface ClientOptions {
  /** At least one; tried in this order. */
  readonly endpoints: readonly Endpoint[];
  /** How long one endpoint may take to connect. */
  readonly dialTimeoutMs: number;
  /** How long one call may take once connected. */
  readonly commandTimeoutMs: number;
}

/** An open stream in both directions. */
export interface Stream<Request> {
  readonly endpoint: Endpoint;
  send(request: Request): void;
  /** Says that nothing more will be sent. */
  end(): void;
  cancel(): void;
}

/** What a stream tells its owner: replies, then exactly one end (null: the server ended it without an error). */
export interface StreamEvents<Response> {
  reply(response: Response): void;
  ended(error: QuorateError | null): void;
}

interface Connected {
  readonly connection: grpc.Client;
  readonly library: typeof grpc;
}

const channelOptions: grpc.ChannelOptions = {
  // Members are reached directly: a proxy variable meant for the web must not capture a loopback cluster.
  "grpc.enable_http_proxy": 0,
  "grpc.max_receive_message_length": -1,
  "grpc.max_send_message_length": -1,
  // Notices a silent peer while a stream is open. Servers of etcd's kind object to pings more often than every 5 s.
  "grpc.keepalive_time_ms": 10_000,
  "grpc.keepalive_timeout_ms": 5000,
};

export class ClusterClient {
  readonly #options: ClientOptions;
  readonly #connections = new Map<string, grpc.Client>();
  /** Index of the endpoint that worked last. */
  #preferred = 0;

  constructor(options: ClientOptions) {
    this.#options = options;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#options.endpoints;
  }

  /** A client with the same limits for other endpoints. Close it separately. */
  withEndpoints(endpoints: readonly Endpoint[]): ClusterClient {
    return new ClusterClient({ ...this.#options, endpoints });
  }

  /** Connects to the first endpoint that can be reached, so that the next call costs only itself. */
  async connect(): Promise<void> {
    const failures: string[] = [];
    for (const { endpoint, index } of this.#inOrder()) {
      const dialled = await this.#dial(endpoint);
      if (typeof dialled !== "string") {
        this.#preferred = index;
        return;
      }
      failures.push(`${endpoint.text}: ${dialled}`);
    }
    throw unreachableError(failures);
  }

  /** @throws QuorateError with the server's status and text, or with what went wrong at each endpoint */
  async call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const bytes = method.encode(request);
    const failures: string[] = [];
    let last: QuorateError | null = null;
    for (const { endpoint, index } of this.#inOrder()) {
      const dialled = await this.#dial(endpoint);
      if (typeof dialled === "string") {
        failures.push(`${endpoint.text}: ${dialled}`);
        continue;
      }
      try {
        const response = await this.#unary(dialled, endpoint, method, bytes);
        this.#preferred = index;
        return response;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        if (!method.repeatable || error.status !== GrpcStatus.unavailable) throw error;
        last = error;
      }
    }
    throw last ?? unreachableError(failures);
  }

  /**
   * Opens a stream at the first endpoint that can be reached, beginning behind the one that worked last if `advance`.
   * `requireLeader`: the member ends it when it has lost its leader for a while, so that another can be tried.
   */
  async stream<Request, Response>(
    method: Method<Request, Response>,
    events: StreamEvents<Response>,
    options: { readonly requireLeader?: boolean; readonly advance?: boolean } = {},
  ): Promise<Stream<Request>> {
    if (options.advance === true) this.#preferred = (this.#preferred + 1) % this.endpoints.length;
    const failures: string[] = [];
    for (const { endpoint, index } of this.#inOrder()) {
      const dialled = await this.#dial(endpoint);
      if (typeof dialled === "string") {
        failures.push(`${endpoint.text}: ${dialled}`);
        continue;
      }
      this.#preferred = index;
      return openStream(dialled, endpoint, method, events, options.requireLeader === true);
    }
    throw unreachableError(failures);
  }

  /**
   * One request and its reply over a stream of its own, which is how leases are renewed. Repeated at the next endpoint
   * if the connection broke.
   */
  async exchange<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#exchangeOnce(method, request, attempt > 1);
      } catch (error) {
        const again = error instanceof QuorateError && error.status === GrpcStatus.unavailable && method.repeatable;
        if (!again || attempt >= this.endpoints.length) throw error;
      }
    }
  }

  async #exchangeOnce<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    advance: boolean,
  ): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const stream = await this.stream<Request, Response>(
      method,
      {
        reply: resolve,
        ended: (error) =>
          reject(error ?? callError("the member ended the stream without an answer", GrpcStatus.unavailable)),
      },
      { advance },
    );
    const { commandTimeoutMs } = this.#options;
    const timer = setTimeout(() => reject(noAnswer(stream.endpoint, commandTimeoutMs)), commandTimeoutMs);
    stream.send(request);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      stream.cancel();
    }
  }

  close(): void {
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  *#inOrder(): Generator<{ readonly endpoint: Endpoint; readonly index: number }> {
    const first = this.#preferred;
    for (let i = 0; i < this.endpoints.length; i++) {
      const index = (first + i) % this.endpoints.length;
      const endpoint = this.endpoints[index];
      if (endpoint !== undefined) yield { endpoint, index };
    }
  }

  /** A connection that stands, or why there is none. */
  async #dial(endpoint: Endpoint): Promise<Connected | string> {
    // Loaded with the first call: a verb that makes none starts twice as fast.
    const library = await import("@grpc/grpc-js");
    let connection = this.#connections.get(endpoint.authority);
    if (connection === undefined) {
      connection = new library.Client(
        `dns:///${endpoint.authority}`,
        library.credentials.createInsecure(),
        channelOptions,
      );
      this.#connections.set(endpoint.authority, connection);
    }
    const { dialTimeoutMs } = this.#options;
    const outcome = await settle(library, connection.getChannel(), Date.now() + dialTimeoutMs);
    if (outcome === "ready") return { connection, library };
    // A new attempt later starts at once, not after this connection's back-off.
    connection.close();
    this.#connections.delete(endpoint.authority);
    return reasonOf(endpoint, outcome, dialTimeoutMs);
  }

  #unary<Request, Response>(
    { connection, library }: Connected,
    endpoint: Endpoint,
    method: Method<Request, Response>,
    bytes: Uint8Array,
  ): Promise<Response> {
    const { commandTimeoutMs } = this.#options;
    return new Promise((resolve, reject) => {
      connection.makeUnaryRequest(
        method.path,
        (message: Uint8Array) => Buffer.from(message.buffer, message.byteOffset, message.byteLength),
        (reply: Buffer) => method.decode(reply),
        bytes,
        new library.Metadata(),
        { deadline: Date.now() + commandTimeoutMs },
        (error: grpc.ServiceError | null, response?: Response) => {
          if (error !== null) reject(fromServiceError(error, endpoint, commandTimeoutMs));
          else if (response === undefined) reject(callError(`${endpoint.text} answered ${method.path} with nothing`));
          else resolve(response);
        },
      );
    });
  }
}

function openStream<Request, Response>(
  { connection, library }: Connected,
  endpoint: Endpoint,
  method: Method<Request, Response>,
  events: StreamEvents<Response>,
  requireLeader: boolean,
): Stream<Request> {
  const metadata = new library.Metadata();
  if (requireLeader) metadata.set("hasleader", "true");
  const call = connection.makeBidiStreamRequest<Request, Response>(
    method.path,
    (request) => Buffer.from(method.encode(request)),
    (reply) => method.decode(reply),
    metadata,
    {},
  );
  let over = false;
  const end = (error: QuorateError | null): void => {
    if (over) return;
    over = true;
    events.ended(error);
  };
  call.on("data", (response: Response) => {
    if (!over) events.reply(response);
  });
  call.on("error", (error: grpc.ServiceError) => end(fromServiceError(error, endpoint, null)));
  call.on("end", () => end(null));
  return {
    endpoint,
    send: (request) => void call.write(request),
    end: () => call.end(),
    cancel: () => call.cancel(),
  };
}

/** Waits until a channel is connected, failed, or out of time. */
async function settle(
  library: typeof grpc,
  channel: ReturnType<grpc.Client["getChannel"]>,
  deadline: number,
): Promise<"ready" | "failed" | "timeout"> {
  for (;;) {
    const state = channel.getConnectivityState(true);
    if (state === library.connectivityState.READY) return "ready";
    if (state === library.connectivityState.TRANSIENT_FAILURE || state === library.connectivityState.SHUTDOWN)
      return "failed";
    const changed = await new Promise<boolean>((resolve) => {
      channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined));
    });
    if (!changed) return "timeout";
  }
}

/** The channel does not say why it failed; a plain connection does. */
async function reasonOf(endpoint: Endpoint, outcome: "failed" | "timeout", timeoutMs: number): Promise<string> {
  if (outcome === "timeout") return `no connection within ${formatDuration(timeoutMs)}`;
  return new Promise((resolve) => {
    const socket = connect({ host: endpoint.host, port: endpoint.port, timeout: timeoutMs });
    const answer = (reason: string): void => {
      socket.destroy();
      resolve(reason);
    };
    socket.once("connect", () => answer("answers, but does not speak gRPC without TLS"));
    socket.once("timeout", () => answer(`no connection within ${formatDuration(timeoutMs)}`));
    socket.once("error", (error: Error & { code?: string }) => {
      answer(error.code === "ECONNREFUSED" ? "connection refused" : oneLine(error));
    });
  });
}

function unreachableError(failures: readonly string[]): QuorateError {
  return callError(
    `cannot reach the cluster: ${failures.join("; ")} (is it running? set --endpoints or QUORATE_ENDPOINTS)`,
    GrpcStatus.unavailable,
  );
}

function noAnswer(endpoint: Endpoint, timeoutMs: number, cause?: unknown): QuorateError {
  const message = `no answer from ${endpoint.text} within ${formatDuration(timeoutMs)}: try another endpoint or a longer --command-timeout`;
  return callError(message, GrpcStatus.deadlineExceeded, cause);
}

function fromServiceError(error: grpc.ServiceError, endpoint: Endpoint, timeoutMs: number | null): QuorateError {
  const status = statusOf(error.code);
  if (timeoutMs !== null && status === GrpcStatus.deadlineExceeded && !error.details.startsWith("etcdserver")) {
    return noAnswer(endpoint, timeoutMs, error);
  }
  return callError(error.details === "" ? error.message : error.details, status, error);
}

function statusOf(code: number): GrpcStatus {
  return Object.values(GrpcStatus).find((status) => status === code) ?? GrpcStatus.unknown;
}
