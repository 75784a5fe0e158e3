/**
 * All watches of a store: on which stream each is, and where those go whose stream has ended.
 *
 * A watch is on one stream, or waits for one, or is held back because its consumer does not take what it has: then the
 * member is told to stop, and it goes on behind its last revision when there is room again. So one slow consumer costs
 * bounded memory, and holds up none of the others. If what it missed is compacted meanwhile, it ends with COMPACTED.
 */
import type { Clock, Random } from "../../environment.ts";
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { bytesOf } from "../../wire/byte-string.ts";
import { CallFailure } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import type { CallOptions, WatchRequest } from "../store.ts";
import { BackOff } from "./back-off.ts";
import type { Credentials } from "./credentials.ts";
import type { Freshness } from "./freshness.ts";
import type { Limit, Limits } from "./limit.ts";
import type { Connected } from "./member.ts";
import type { Members } from "./members.ts";
import type { RemoteLimits } from "./options.ts";
import { tellsProgressInOrder } from "./progress-order.ts";
import { RemoteWatch } from "./remote-watch.ts";
import { verdictOf } from "./verdict.ts";
import { type Cancellation, WatchStream } from "./watch-stream.ts";

/** After so many silent streams behind each other the time that is granted grows no more: 16 times the first. */
const MOST_DOUBLINGS = 4;
const WHAT = "watch";
/** Another stream would end the same way. */
const FINAL: ReadonlySet<GrpcStatus> = new Set([
  GrpcStatus.invalidArgument,
  GrpcStatus.permissionDenied,
  GrpcStatus.unauthenticated,
  GrpcStatus.unimplemented,
]);

export interface WatchesOptions {
  readonly members: Members;
  readonly credentials: Credentials;
  readonly freshness: Freshness;
  readonly calls: Limits;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: RemoteLimits;
}

export class Watches {
  readonly #options: WatchesOptions;
  readonly #backOff: BackOff;
  readonly #all = new Set<RemoteWatch>();
  readonly #streams = new Set<WatchStream>();
  /** On no stream, and wanting one. */
  #waiting = new Set<RemoteWatch>();
  #placing = false;
  /** The last stream ended, or could not be opened. */
  #needsPause = false;
  /** The last streams that ended for being silent, with no other between. */
  #deafInARow = 0;

  constructor(options: WatchesOptions) {
    const { random, limits } = options;
    this.#options = options;
    this.#backOff = new BackOff(random, limits.firstBackOffMs, limits.longestBackOffMs);
  }

  /** @throws QuorateError CLOSED, ABORTED */
  add(request: WatchRequest, { signal }: Pick<CallOptions, "signal">): RemoteWatch {
    const { freshness, limits, calls } = this.#options;
    calls.assertOpen(WHAT);
    if (signal?.aborted === true) throw storeErrors.aborted(WHAT, signal.reason);
    check(request);
    const abort = (): void => this.#stop(watch, storeErrors.aborted(WHAT, signal?.reason));
    const watch = new RemoteWatch(request, {
      freshness,
      bufferBytes: limits.watchBufferBytes,
      drained: () => this.#wait([watch]),
      stopped: () => this.#stop(watch, storeErrors.aborted(WHAT, "its consumer has stopped")),
      over: () => {
        signal?.removeEventListener("abort", abort);
        letGo();
      },
    });
    const letGo = calls.hold();
    signal?.addEventListener("abort", abort, { once: true });
    this.#all.add(watch);
    this.#wait([watch]);
    return watch;
  }

  /** Ends all: with an error if there is a reason that nobody asked for. */
  close(reason: Error | null): void {
    const all = [...this.#all];
    this.#all.clear();
    this.#waiting.clear();
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    const why = storeErrors.closed(WHAT, reason);
    for (const watch of all) watch.end(reason === null ? null : why, why);
  }

  #wait(watches: readonly RemoteWatch[]): void {
    for (const watch of watches) if (!watch.isOver) this.#waiting.add(watch);
    if (this.#placing || this.#waiting.size === 0) return;
    this.#placing = true;
    // After this turn: what is begun together goes out together.
    void Promise.resolve()
      .then(() => this.#place())
      .finally(() => {
        this.#placing = false;
        if (!this.#options.calls.closed && this.#waiting.size > 0) this.#wait([]);
      });
  }

  /** Gives every watch that waits a stream. */
  async #place(): Promise<void> {
    const { calls } = this.#options;
    if (calls.closed) return;
    const limit = calls.begin(WHAT, Number.POSITIVE_INFINITY);
    try {
      while (this.#waiting.size > 0 && limit.over === null) {
        const stream = this.#withRoom() ?? (await this.#open(limit));
        if (stream !== null) this.#fill(stream);
      }
    } catch (error) {
      if (limit.over === null) this.#failWaiting(error);
    } finally {
      limit.release();
    }
  }

  #withRoom(): WatchStream | null {
    const { credentials, limits } = this.#options;
    for (const stream of this.#streams) {
      if (stream.size < limits.watchesPerStream && stream.token === credentials.token) return stream;
    }
    return null;
  }

  #fill(stream: WatchStream): void {
    for (const watch of this.#waiting) {
      if (stream.isOver || stream.size >= this.#options.limits.watchesPerStream) return;
      this.#waiting.delete(watch);
      stream.add(watch);
    }
  }

  /** Null: it did not work this time. @throws QuorateError if it never will */
  async #open(limit: Limit): Promise<WatchStream | null> {
    const { members, credentials, clock, limits } = this.#options;
    if (this.#needsPause) await limit.pause(this.#backOff.next());
    this.#needsPause = false;
    try {
      const connected = await members.reach(limit);
      const token = await credentials.tokenFor(connected, limit);
      // The connection was lost while the token was on its way.
      if (connected.member.connected !== connected) return null;
      const stream = new WatchStream(connected, token, {
        clock,
        silenceMs: limits.watchSilenceMs * 2 ** Math.min(this.#deafInARow, MOST_DOUBLINGS),
        ended: (over, watches, error) => this.#ended(over, watches, error),
        heard: (_, more) => {
          this.#backOff.reset();
          if (more) this.#deafInARow = 0;
        },
        canceled: (from, watch, reason) => this.#canceled(from, watch, reason),
        filled: (watch) => {
          watch.isHeldBack = true;
        },
      });
      this.#streams.add(stream);
      this.#learnOrder(stream, connected, token);
      return stream;
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      this.#needsPause = true;
      return null;
    }
  }

  #learnOrder(stream: WatchStream, { channel }: Connected, token: string): void {
    tellsProgressInOrder(channel, token, this.#options.limits.timeoutMs).then(
      (inOrder) => inOrder && stream.believeProgress(),
      // It may not be asked, or not now: then its word is not believed.
      () => undefined,
    );
  }

  #ended(stream: WatchStream, watches: readonly RemoteWatch[], error: CallFailure | null): void {
    this.#streams.delete(stream);
    if (watches.length === 0) return;
    this.#needsPause = true;
    const failure = error ?? CallFailure.answered(GrpcStatus.unavailable, "the member ended its watches");
    const { remedy, doubt } = verdictOf(failure);
    this.#options.members.doubt(stream.connected, doubt ?? "stopping", failure);
    if (failure.status === GrpcStatus.deadlineExceeded) this.#deafInARow++;
    if (remedy === "token") this.#renewToken(stream, watches, failure);
    else if (FINAL.has(failure.status) || failure.code === "RESPONSE_TOO_LARGE") this.#fail(watches, failure);
    else this.#wait(watches);
  }

  #canceled(stream: WatchStream, watch: RemoteWatch, { compactRevision, reason }: Cancellation): void {
    const { credentials } = this.#options;
    // What is still to be told may be there all the same, if a member that lags was asked for earlier changes.
    if (compactRevision === 0 ? /has been compacted/.test(reason) : compactRevision > watch.next) {
      this.#fail([watch], storeErrors.compacted(watch.next, compactRevision));
    } else if (compactRevision > 0 || reason === "" || /no leader|server stopped/.test(reason)) {
      this.#needsPause = true;
      this.#wait([watch]);
    } else if (/permission denied|auth token|auth store|user name is empty/.test(reason)) {
      // etcd 3.4 says of a token that it does not know any more no more than that.
      const denied = storeErrors.permissionDenied(`watch of ${JSON.stringify(watch.request.key)}: ${reason}`);
      if (!credentials.hasUser || watch.deniedOnce) return this.#fail([watch], denied);
      watch.deniedOnce = credentials.token === stream.token;
      this.#renewToken(stream, [watch], denied);
    } else {
      this.#fail([watch], storeErrors.watchCanceled(reason));
    }
  }

  #renewToken(stream: WatchStream, watches: readonly RemoteWatch[], failure: QuorateError): void {
    try {
      this.#options.credentials.refused(stream.token, failure);
      this.#wait(watches);
    } catch (error) {
      this.#fail(watches, error);
    }
  }

  #fail(watches: readonly RemoteWatch[], error: unknown): void {
    const why =
      error instanceof QuorateError
        ? error
        : new QuorateError("INTERNAL", GrpcStatus.internal, `watch: ${String(error)}`, { cause: error });
    for (const watch of watches) {
      this.#all.delete(watch);
      watch.end(why, why);
    }
  }

  #failWaiting(error: unknown): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    this.#fail(waiting, error);
  }

  #stop(watch: RemoteWatch, why: QuorateError): void {
    this.#all.delete(watch);
    this.#waiting.delete(watch);
    for (const stream of this.#streams) stream.drop(watch);
    watch.end(null, why);
  }
}

/** @throws QuorateError INVALID_ARGUMENT */
function check({ key, rangeEnd, startRevision }: WatchRequest): void {
  try {
    bytesOf(key);
    bytesOf(rangeEnd);
  } catch (cause) {
    throw storeErrors.invalidArgument(
      `watch of ${JSON.stringify(key)} up to ${JSON.stringify(rangeEnd)}: ${String(cause)}`,
    );
  }
  if (!Number.isSafeInteger(startRevision) || startRevision < 0) {
    throw storeErrors.invalidArgument(`watch from revision ${startRevision}: give a whole number, 0 for "from now on"`);
  }
}
