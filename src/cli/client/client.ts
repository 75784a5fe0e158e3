/**
 * Single calls as a person makes them, over the library's channels: several endpoints in the order given, no retries that
 * could repeat a write.
 *
 * An endpoint is used only once its connection stands, so a member that is down costs nothing but the attempt, for
 * writes too. After that a call that broke is repeated at the next endpoint only if it is a read. Verbs that ask each
 * member for itself, or want a reply with all that is in it, cannot use a store.
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { CallFailure, type Channel, type StreamEvents } from "../../store/channel.ts";
import { grpcDialler } from "../../store/grpc/grpc-dialler.ts";
import { metadataOf } from "../../store/remote/calls.ts";
import { Credentials } from "../../store/remote/credentials.ts";
import { verdictOf } from "../../store/remote/verdict.ts";
import type { Method } from "../../wire/methods.ts";
import type { Connection } from "../client-settings.ts";
import { formatDuration } from "../duration.ts";
import { callError } from "../failure.ts";
import type { Endpoint } from "./endpoints.ts";

/** At least one endpoint; tried in this order. */
export type ClientOptions = Pick<Connection, "endpoints" | "dialTimeoutMs" | "commandTimeoutMs" | "tls" | "user">;

export class ClusterClient {
  readonly #options: ClientOptions;
  readonly #credentials: Credentials;
  readonly #channels = new Map<string, Channel>();
  /** Index of the endpoint that worked last. */
  #preferred = 0;

  constructor(options: ClientOptions, credentials: Credentials = new Credentials(options.user)) {
    this.#options = options;
    this.#credentials = credentials;
  }

  get endpoints(): readonly Endpoint[] {
    return this.#options.endpoints;
  }

  /** A client with the same limits, for the same user, with other endpoints. Close it separately. */
  withEndpoints(endpoints: readonly Endpoint[]): ClusterClient {
    return new ClusterClient({ ...this.#options, endpoints }, this.#credentials);
  }

  /** Connects to the first endpoint that can be reached, so that the next call costs only itself. */
  async connect(): Promise<void> {
    await this.#each(
      async () => undefined,
      () => false,
    );
  }

  /** @throws QuorateError with the server's status and text, or with what went wrong at each endpoint */
  call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    const { commandTimeoutMs: timeoutMs } = this.#options;
    return this.#each(
      (channel, token) => channel.call(method, request, { timeoutMs, metadata: metadataOf(token, false) }),
      () => method.repeatable,
    );
  }

  /** One request and its reply over a stream of its own, which is how leases are renewed. */
  exchange<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
    return this.#each(
      (channel, token) => this.#exchangeOnce(channel, token, method, request),
      () => method.repeatable,
    );
  }

  close(): void {
    for (const channel of this.#channels.values()) channel.close();
    this.#channels.clear();
  }

  /** Makes a call at one endpoint after the other, until it is answered or may not be repeated. */
  async #each<T>(make: (channel: Channel, token: string) => Promise<T>, isRepeatable: () => boolean): Promise<T> {
    const failures: string[] = [];
    let last: QuorateError | null = null;
    for (const { endpoint, index } of this.#inOrder()) {
      const channel = await this.#dial(endpoint);
      if (channel instanceof CallFailure) {
        failures.push(channel.message);
        continue;
      }
      try {
        const answer = await this.#withToken(channel, make);
        this.#preferred = index;
        return answer;
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        last = this.#inWords(error, endpoint);
        if (!isRepeatable() || error.status !== GrpcStatus.unavailable) throw last;
      }
    }
    throw last ?? unreachableError(failures);
  }

  async #withToken<T>(channel: Channel, make: (channel: Channel, token: string) => Promise<T>): Promise<T> {
    const token = await this.#credentials.tokenFor({ channel }, UNLIMITED);
    try {
      return await make(channel, token);
    } catch (error) {
      // Nothing was done: the token has ended, or there was none.
      if (!(error instanceof CallFailure) || verdictOf(error).remedy !== "token") throw error;
      this.#credentials.refused(token, error);
      return await make(channel, await this.#credentials.tokenFor({ channel }, UNLIMITED));
    }
  }

  /** A member says in its own words what it refuses; that it says nothing is said here. */
  #inWords(error: QuorateError, endpoint: Endpoint): QuorateError {
    if (error.code !== "DEADLINE_EXCEEDED" || error.message.startsWith("etcdserver")) return error;
    const { commandTimeoutMs } = this.#options;
    return noAnswer(endpoint, commandTimeoutMs, error);
  }

  async #exchangeOnce<Request, Response>(
    channel: Channel,
    token: string,
    method: Method<Request, Response>,
    request: Request,
  ): Promise<Response> {
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const events: StreamEvents<Response> = {
      reply: resolve,
      ended: (error) =>
        reject(error ?? callError("the member ended the stream without an answer", GrpcStatus.unavailable)),
    };
    const stream = channel.open(method, events, metadataOf(token, false));
    const { commandTimeoutMs } = this.#options;
    const late = (): void =>
      reject(new CallFailure("DEADLINE_EXCEEDED", GrpcStatus.deadlineExceeded, "", { mayHaveArrived: true }));
    const timer = setTimeout(late, commandTimeoutMs);
    stream.send(request);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      stream.cancel();
    }
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
  async #dial(endpoint: Endpoint): Promise<Channel | CallFailure> {
    const { authority } = endpoint;
    const known = this.#channels.get(authority);
    if (known !== undefined) return known;
    const { dialTimeoutMs, tls } = this.#options;
    try {
      const channel = await grpcDialler(endpoint, tls === null ? {} : { tls }).dial(dialTimeoutMs);
      this.#channels.set(authority, channel);
      channel.onLost(() => this.#channels.delete(authority));
      return channel;
    } catch (error) {
      if (error instanceof CallFailure) return error;
      throw error;
    }
  }
}

/** A token is waited for as long as its exchange takes, which has a limit of its own. */
const UNLIMITED = { race: <T>(promise: Promise<T>): Promise<T> => promise };

function unreachableError(failures: readonly string[]): QuorateError {
  return callError(
    `cannot reach the cluster: ${failures.join("; ")} (is it running? set --endpoints or QUORATE_ENDPOINTS)`,
    GrpcStatus.unavailable,
  );
}

function noAnswer(endpoint: Endpoint, timeoutMs: number, cause: unknown): QuorateError {
  const message = `no answer from ${endpoint.text} within ${formatDuration(timeoutMs)}: try another endpoint or a longer --command-timeout`;
  return callError(message, GrpcStatus.deadlineExceeded, cause);
}
