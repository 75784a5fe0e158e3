/**
 * A follower's reads, for which it asks its leader: one question for all reads of a turn, by a token.
 *
 * A token is unlike any of an earlier life, whose answers may still be on their way (etcd-io/etcd#20418), and is reused
 * only long after its deadline. A question or an answer that gets lost is noticed by the deadline.
 */

/** The most reads of the owner that may wait to be asked for. */
export const maxForwardedReads = 65536;

/** Tokens are below 2^53: 32 bits of incarnation, the rest counts. */
const tokensPerLife = 2 ** 20;

interface Question {
  readonly ids: readonly number[];
  /** In ms, on the engine's clock. */
  readonly deadline: number;
}

export class ForwardedReads {
  readonly #incarnation: number;
  /** Asked for, by token, in the order of deadlines. */
  readonly #asked: Map<number, Question> = new Map();
  #fresh: number[] = [];
  #tokens = 0;

  /** @param incarnation names this life of the member: 32 bits, not 0. */
  constructor(incarnation: number) {
    this.#incarnation = incarnation;
  }

  /** A read of this turn. False: too many wait. */
  add(id: number): boolean {
    if (this.#fresh.length >= maxForwardedReads) return false;
    this.#fresh.push(id);
    return true;
  }

  get hasFresh(): boolean {
    return this.#fresh.length > 0;
  }

  /** The token to ask the leader with, for all reads of this turn. */
  ask(deadline: number): number {
    const token = this.#nextToken();
    this.#asked.set(token, { ids: this.#fresh, deadline });
    this.#fresh = [];
    return token;
  }

  #nextToken(): number {
    this.#tokens = (this.#tokens + 1) % tokensPerLife;
    return this.#incarnation * tokensPerLife + this.#tokens;
  }

  /** The reads that an answer is for; null: it is none of this life's, or came too late. */
  take(token: number): readonly number[] | null {
    const question = this.#asked.get(token);
    if (question === undefined) return null;
    this.#asked.delete(token);
    return question.ids;
  }

  /** The reads whose answer is overdue. */
  takeOverdue(now: number): readonly number[] {
    if (this.#asked.size === 0) return [];
    const overdue: number[] = [];
    for (const [token, { ids, deadline }] of this.#asked) {
      if (deadline > now) break;
      this.#asked.delete(token);
      overdue.push(...ids);
    }
    return overdue;
  }

  /** All of them: the leader they were meant for is no leader any more. */
  takeAll(): readonly number[] {
    if (this.#asked.size === 0 && this.#fresh.length === 0) return [];
    const all = [...this.#asked.values()].flatMap((question) => question.ids);
    all.push(...this.#fresh);
    this.#asked.clear();
    this.#fresh = [];
    return all;
  }
}
