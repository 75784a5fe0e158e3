/**
 * Linearizable reads that wait: all calls of a turn share one read id, which the engine turns into an index; they are
 * answered when that index is applied here. A read changes nothing, so what is refused or gets lost on its way (a
 * change of leader, a broken link) is simply asked again until its deadline.
 */
import type { QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";

interface Waiter {
  readonly done: (error: QuorateError | null) => void;
  readonly deadline: number;
}

/** Ask again when the engine has not answered for this long: the question or its answer was lost. */
const ASK_AGAIN_MS = 300;
/** After a refusal, give the cluster this long to find a leader. */
const AFTER_REFUSAL_MS = 20;

export class Reads {
  /** Not asked yet. */
  #fresh: Waiter[] = [];
  #asked = new Map<number, { waiters: Waiter[]; askedAt: number }>();
  /** Have an index that is not applied yet; in order of index. */
  #indexed: { index: number; waiters: Waiter[] }[] = [];
  #notBefore = 0;

  get waiting(): boolean {
    return this.#fresh.length > 0 || this.#asked.size > 0 || this.#indexed.length > 0;
  }

  add(done: (error: QuorateError | null) => void, deadline: number): void {
    this.#fresh.push({ done, deadline });
  }

  /** True if the engine should be asked now; then `ask` names the question. */
  due(now: number): boolean {
    return this.#fresh.length > 0 && now >= this.#notBefore;
  }

  ask(id: number, now: number): void {
    this.#asked.set(id, { waiters: this.#fresh, askedAt: now });
    this.#fresh = [];
  }

  refused(id: number, now: number): boolean {
    const question = this.#asked.get(id);
    if (question === undefined) return false;
    this.#asked.delete(id);
    this.#fresh = [...question.waiters, ...this.#fresh];
    this.#notBefore = now + AFTER_REFUSAL_MS;
    return true;
  }

  /** The status changed: what was refused may be asked at once. */
  retryNow(): void {
    this.#notBefore = 0;
  }

  /** The engine's answer. */
  indexed(id: number, index: number, applied: number): void {
    const question = this.#asked.get(id);
    if (question === undefined) return;
    this.#asked.delete(id);
    if (index <= applied) {
      for (const waiter of question.waiters) waiter.done(null);
      return;
    }
    let at = this.#indexed.length;
    while (at > 0 && (this.#indexed[at - 1]?.index ?? 0) > index) at--;
    this.#indexed.splice(at, 0, { index, waiters: question.waiters });
  }

  applied(index: number): void {
    let ready = 0;
    while (ready < this.#indexed.length && (this.#indexed[ready]?.index ?? 0) <= index) ready++;
    if (ready === 0) return;
    for (const { waiters } of this.#indexed.splice(0, ready)) for (const waiter of waiters) waiter.done(null);
  }

  /** Asks anew what got no answer, and answers what is overdue. */
  expire(now: number): void {
    for (const [id, question] of this.#asked) {
      if (now - question.askedAt < ASK_AGAIN_MS) continue;
      this.#asked.delete(id);
      this.#fresh = [...question.waiters, ...this.#fresh];
    }
    this.#fresh = inTime(this.#fresh, now);
    for (const group of this.#indexed) group.waiters = inTime(group.waiters, now);
  }

  stop(): void {
    const all = [
      ...this.#fresh,
      ...[...this.#asked.values()].flatMap((question) => question.waiters),
      ...this.#indexed.flatMap((group) => group.waiters),
    ];
    this.#fresh = [];
    this.#asked.clear();
    this.#indexed = [];
    for (const waiter of all) waiter.done(etcdErrors.serverStopped());
  }
}

function inTime(waiters: Waiter[], now: number): Waiter[] {
  if (waiters.every((waiter) => waiter.deadline > now)) return waiters;
  const kept: Waiter[] = [];
  for (const waiter of waiters) {
    if (waiter.deadline > now) kept.push(waiter);
    else waiter.done(etcdErrors.timeout());
  }
  return kept;
}
