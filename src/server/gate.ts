/**
 * What every call passes on its way to a service: does this member serve it now, and is it counted?
 *
 * - A learner serves only what cannot mislead: serializable ranges, its status and its health.
 * - Who sends `hasleader: true` is refused at once while no leader is known, and streams opened with it end when there
 *   has been none for three election timeouts: the client should look for a member that is not cut off.
 * - When the member stops, open streams end with `server stopped`, so that clients go elsewhere at once.
 */
import type { Clock, Scheduled } from "../environment.ts";
import { GrpcStatus, type QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { decodeRangeRequest } from "../wire/kv-codec.ts";
import type { ClusterView } from "./cluster-view.ts";
import type { BidiCall, Call, Method, StreamCall } from "./front-door.ts";
import { errorFor, refuse } from "./messages.ts";

export interface GateOptions {
  readonly view: ClusterView;
  readonly clock: Clock;
  readonly electionTimeoutMs: number;
  /** A call came in. */
  readonly started: (path: string, kind: Method["kind"]) => void;
  /** A call was answered, or given up. */
  readonly handled: (path: string, kind: Method["kind"], status: GrpcStatus) => void;
}

const RANGE = "/etcdserverpb.KV/Range";
const FOR_LEARNERS: ReadonlySet<string> = new Set([
  "/etcdserverpb.Maintenance/Status",
  "/etcdserverpb.Maintenance/Snapshot",
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/Watch",
  "/grpc.health.v1.Health/List",
]);

export class Gate {
  readonly #options: GateOptions;
  readonly #streams = new Set<GatedStream>();
  readonly #needLeader = new Set<GatedStream>();
  readonly #unsubscribe: () => void;
  #leaderless: Scheduled | null = null;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#unsubscribe = options.view.onChange(() => this.#leaderMayHaveChanged());
    this.#leaderMayHaveChanged();
  }

  /** Streams open now. */
  get openStreams(): number {
    return this.#streams.size;
  }

  guard(method: Method): Method {
    const { path, kind } = method;
    const { started, handled } = this.#options;
    if (method.kind === "unary") {
      return {
        kind: "unary",
        path,
        handle: (request, call, answer) => {
          started(path, kind);
          let open = true;
          const finish = (error: QuorateError | null, response: Uint8Array): void => {
            if (!open) return;
            open = false;
            handled(path, kind, error === null ? GrpcStatus.ok : error.status);
            answer(error, response);
          };
          try {
            this.#check(path, request, call);
            method.handle(request, call, finish);
          } catch (error) {
            refuse(finish, error);
          }
        },
      };
    }
    const open = (call: BidiCall, request: Uint8Array | null, handle: (stream: GatedStream) => void): void => {
      started(path, kind);
      const stream = new GatedStream(call, (status) => {
        this.#streams.delete(stream);
        this.#needLeader.delete(stream);
        handled(path, kind, status);
      });
      this.#streams.add(stream);
      if (call.metadata("hasleader") === "true") this.#needLeader.add(stream);
      try {
        this.#check(path, request, call);
        handle(stream);
      } catch (error) {
        stream.end(errorFor(error));
      }
    };
    if (method.kind === "serverStream") {
      return {
        kind: "serverStream",
        path,
        handle: (request, call) => open(call as BidiCall, request, (stream) => method.handle(request, stream)),
      };
    }
    return { kind: "bidi", path, handle: (call) => open(call, null, (stream) => method.handle(stream)) };
  }

  /** Ends all streams: the member stops. */
  close(): void {
    this.#unsubscribe();
    this.#leaderless?.cancel();
    for (const stream of this.#streams) stream.end(etcdErrors.serverStopped());
  }

  #check(path: string, request: Uint8Array | null, call: Call): void {
    const { view } = this.#options;
    if (view.isLearner && !servedByLearner(path, request)) throw etcdErrors.notSupportedForLearner();
    if (!view.hasLeader && call.metadata("hasleader") === "true") throw etcdErrors.noLeader();
  }

  #leaderMayHaveChanged(): void {
    const { view, clock, electionTimeoutMs } = this.#options;
    if (view.hasLeader) {
      this.#leaderless?.cancel();
      this.#leaderless = null;
    } else {
      this.#leaderless ??= clock.after(3 * electionTimeoutMs, () => {
        for (const stream of this.#needLeader) stream.end(etcdErrors.noLeader());
      });
    }
  }
}

function servedByLearner(path: string, request: Uint8Array | null): boolean {
  if (FOR_LEARNERS.has(path)) return true;
  return path === RANGE && request !== null && decodeRangeRequest(request).serializable;
}

/** A stream that reports its end, once. */
class GatedStream implements BidiCall {
  readonly #call: BidiCall;
  #ended: ((status: GrpcStatus) => void) | null;
  #onOver: (() => void)[] = [];

  constructor(call: BidiCall | StreamCall, ended: (status: GrpcStatus) => void) {
    this.#call = call as BidiCall;
    this.#ended = ended;
    call.onCancel(() => this.#finish(GrpcStatus.cancelled));
  }

  get path(): string {
    return this.#call.path;
  }

  get peer(): string {
    return this.#call.peer;
  }

  get cancelled(): boolean {
    return this.#ended === null;
  }

  get writable(): boolean {
    return this.#call.writable;
  }

  metadata(name: string): string | null {
    return this.#call.metadata(name);
  }

  /** Also when it was ended from here: a client that reads nothing would keep the door from noticing. */
  onCancel(handle: () => void): void {
    if (this.#ended === null) handle();
    else this.#onOver.push(handle);
  }

  write(message: Uint8Array): boolean {
    return this.#ended !== null && this.#call.write(message);
  }

  onDrain(handle: () => void): void {
    this.#call.onDrain(handle);
  }

  end(error?: QuorateError): void {
    if (this.#ended === null) return;
    this.#finish(error === undefined ? GrpcStatus.ok : error.status);
    this.#call.end(error);
  }

  onMessage(handle: (message: Uint8Array) => void): void {
    this.#call.onMessage(handle);
  }

  onEnd(handle: () => void): void {
    this.#call.onEnd(handle);
  }

  pause(): void {
    this.#call.pause();
  }

  resume(): void {
    this.#call.resume();
  }

  #finish(status: GrpcStatus): void {
    const ended = this.#ended;
    if (ended === null) return;
    this.#ended = null;
    ended(status);
    for (const handle of this.#onOver.splice(0)) handle();
  }
}
