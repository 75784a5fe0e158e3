/**
 * One request, one answer, from whichever member can give it.
 *
 * A read is repeated on other members as long as its time lasts. A write is repeated only while it certainly has had no
 * effect: it never left, or a member said that it did nothing. Once it may have arrived, it is answered, refused, or
 * rejected with OUTCOME_UNKNOWN.
 */
import type { Clock, Random } from "../../environment.ts";
import type { QuorateError } from "../../errors.ts";
import type { ResponseHeader } from "../../wire/kv.ts";
import type { Method } from "../../wire/methods.ts";
import { CallFailure } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import { BackOff } from "./back-off.ts";
import type { Credentials } from "./credentials.ts";
import type { Freshness } from "./freshness.ts";
import type { Limit } from "./limit.ts";
import type { Connected, Member } from "./member.ts";
import type { Members } from "./members.ts";
import type { RemoteLimits } from "./options.ts";
import { failedWrite } from "./unknown-outcome.ts";
import { verdictOf } from "./verdict.ts";

/**
 * Less is no time for an attempt, ms: what is left goes to one as a whole, and a member that does not answer within it
 * is under no suspicion.
 */
export const LEAST_ATTEMPT_MS = 400;
/** A call that is refused with one fresh token after the other gives up. */
const MOST_TOKENS = 3;

export interface CallsOptions {
  readonly members: Members;
  readonly credentials: Credentials;
  readonly freshness: Freshness;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits: RemoteLimits;
  /** An attempt had no effect, and another one follows. */
  readonly retried: (what: string, endpoint: string, error: QuorateError) => void;
}

export interface CallKind {
  /** It may be made twice. */
  readonly isRead: boolean;
  /** Only a member with a leader can answer: one without shall say so at once. */
  readonly needsLeader: boolean;
  /** The revision in the answer's header is at least that of everything acknowledged before the request left. */
  readonly isCurrent: boolean;
}

/** One attempt: it rejects with a `CallFailure`, after `timeoutMs` at the latest, or at once when `limit` is over. */
export type Attempt<T> = (connected: Connected, token: string, timeoutMs: number, limit: Limit) => Promise<T>;

export interface Answer<T> {
  readonly response: T;
  /** When the request that was answered left, ms on the clock. */
  readonly sentAt: number;
}

export class Calls {
  readonly #options: CallsOptions;

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** A unary call. */
  async call<Request, Response extends { readonly header?: unknown }>(
    method: Method<Request, Response>,
    request: Request,
    kind: CallKind,
    limit: Limit,
  ): Promise<Answer<Response>> {
    const answer = await this.attempt<Response>(kind, limit, ({ channel }, token, timeoutMs, { signal }) =>
      channel.call(method, request, { timeoutMs, signal, metadata: metadataOf(token, kind.needsLeader) }),
    );
    const revision = revisionOf(answer.response);
    if (kind.isCurrent) this.#options.freshness.noteCurrent(answer.sentAt, revision);
    else this.#options.freshness.note(revision);
    return answer;
  }

  /** What any exchange with a member goes by, however it is made. */
  async attempt<T>(kind: CallKind, limit: Limit, make: Attempt<T>): Promise<Answer<T>> {
    const { members, credentials, clock, random, limits, retried } = this.#options;
    const backOff = new BackOff(random, limits.firstBackOffMs, limits.longestBackOffMs);
    const tried = new Set<Member>();
    let tokens = 0;
    for (;;) {
      const connected = await members.reach(limit, tried).catch((error: unknown) => {
        throw overdue(limit, error);
      });
      let token: string | null = null;
      let sentAt = 0;
      try {
        token = await credentials.tokenFor(connected, limit);
        sentAt = clock.now();
        const response = await make(connected, token, this.#attemptMs(kind, limit, tried.size), limit);
        members.answered(connected, kind.needsLeader);
        return { response, sentAt };
      } catch (error) {
        const sent = token !== null && sentAt > 0 && error !== limit.over;
        if (!(error instanceof CallFailure))
          throw kind.isRead || !sent ? overdue(limit, error) : this.#broken(limit, error);
        const { effectOpen, remedy, doubt } = verdictOf(error);
        const suspicion = limit.over === null ? doubt : "silent";
        const lastedMs = clock.now() - sentAt;
        if (suspicion !== null && !isGivenUp(limit) && (suspicion !== "silent" || lastedMs >= LEAST_ATTEMPT_MS)) {
          members.doubt(connected, suspicion, error);
        }
        const open = sent && effectOpen && !kind.isRead;
        if (limit.over !== null) throw open ? failedWrite(limit.what, error, limit.over) : overdue(limit, limit.over);
        if (open) throw failedWrite(limit.what, error, error);
        if (remedy === "none") throw error;
        limit.lastFailure = error;
        if (remedy === "token") {
          credentials.refused(token ?? "", error);
          if (++tokens === MOST_TOKENS) throw storeErrors.unauthenticated(error.message, error);
        }
        retried(limit.what, connected.member.endpoint, error);
        if (remedy === "token") continue;
      }
      const again = tried.has(connected.member);
      tried.add(connected.member);
      // There are others yet. The same one twice: the others cannot be reached.
      if (!again && tried.size < members.size) continue;
      tried.clear();
      await limit.pause(backOff.next()).catch((error: unknown) => {
        throw overdue(limit, error);
      });
    }
  }

  /**
   * How long this attempt may take. A read leaves half of its time to other members: one that is frozen does not
   * answer at all. A write has only this.
   */
  #attemptMs({ isRead }: CallKind, limit: Limit, tried: number): number {
    const { leftMs } = limit;
    const halfMs = leftMs / 2;
    const isLast = !isRead || tried + 1 >= this.#options.members.size || halfMs < LEAST_ATTEMPT_MS;
    return Math.max(1, isLast ? leftMs : halfMs);
  }

  #broken(limit: Limit, error: unknown): QuorateError {
    const cause = error instanceof Error ? error : new Error(String(error));
    return storeErrors.outcomeUnknown(limit.what, cause);
  }
}

/** What goes beside a request. */
export function metadataOf(token: string, needsLeader: boolean): Readonly<Record<string, string>> {
  return {
    ...(token === "" ? {} : { authorization: token }),
    // A member that is cut off refuses at once, instead of letting the call wait for a leader.
    ...(needsLeader ? { hasleader: "true" } : {}),
  };
}

/** The caller gave it up: that says nothing about the member. */
function isGivenUp({ over }: Limit): boolean {
  return over !== null && over.code !== "TIMEOUT";
}

/** What a call that had no effect is rejected with. */
function overdue(limit: Limit, error: unknown): unknown {
  const last = limit.lastFailure;
  if (error === limit.over && limit.over?.code === "TIMEOUT" && last?.code === "NO_LEADER") {
    return storeErrors.noLeader(limit.what, last);
  }
  return error;
}

/** Of a hand-made message or a generated one; 0 if there is none. */
function revisionOf(response: { readonly header?: unknown }): number {
  const header = response.header as Partial<ResponseHeader> | { readonly revision?: bigint } | undefined;
  return Number(header?.revision ?? 0);
}
