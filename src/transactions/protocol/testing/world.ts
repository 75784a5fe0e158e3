/**
 * What can happen next in a state of a whole run.
 *
 * A state is an array of 16-bit numbers: one for each process (its number in `Moves`), the crashes so far, the parts of
 * the network, whether anything failed, and a bit for each message under way.
 */
import { countOf, latestOf } from "./history.ts";
import { type Facts, Moves, type Own, type Result } from "./moves.ts";
import type { Plan } from "./plan.ts";
import type { Fault } from "./properties.ts";

/** Words for the bits of messages. */
const messageWords = 8;
const wordBits = 16;

/** What a step from one state to the next is: progress, or something that is done to the processes from outside. */
export const StepKind = { progress: 0, begin: 1, crash: 2, recovery: 3, loss: 4, parting: 5 } as const;
export type StepKind = (typeof StepKind)[keyof typeof StepKind];

export interface Successor {
  readonly words: readonly number[];
  readonly kind: StepKind;
  /** What happened, as one line. Only computed when it is asked for. */
  readonly story: () => string;
  /** What the step itself has violated. */
  readonly fault: Fault | null;
}

type Visit = (successor: Successor) => void;

export class World {
  readonly plan: Plan;
  readonly moves: Moves;
  readonly #count: number;

  constructor(plan: Plan) {
    this.plan = plan;
    this.moves = new Moves(plan);
    this.#count = this.moves.ids.length;
  }

  /** All processes have just been started for the first time. */
  initial(): number[] {
    const words = Array.from({ length: this.#count + 3 + messageWords }, () => 0);
    for (const [at, process] of this.moves.installed().entries()) words[at] = this.moves.start(at, process).process;
    return words;
  }

  factsOf(words: readonly number[]): Facts[] {
    return this.moves.ids.map((_, at) => this.moves.facts(at, words[at] as number));
  }

  /** Nobody refused, nothing failed, no time ran out. */
  isUnharmed(words: readonly number[]): boolean {
    return words[this.#harmAt] === 0;
  }

  /** Everybody is up and has concluded all there was, durably: on a reliable network nothing can change that. */
  isOver(words: readonly number[]): boolean {
    if (this.plan.network === "lossy") return false;
    return this.moves.ids.every((_, at) => {
      const { history, pending } = this.moves.processes.at(words[at] as number);
      const { isUp, inDoubt } = this.moves.facts(at, words[at] as number);
      const concluded = countOf(history.committed | history.aborted);
      return isUp && !inDoubt && pending.length === 0 && concluded === this.plan.transactions;
    });
  }

  /** All that can happen next, in a fixed order. */
  forEach(words: readonly number[], visit: Visit): void {
    const { plan, moves } = this;
    const all = this.factsOf(words);
    for (const [at, facts] of all.entries()) {
      const process = words[at] as number;
      if (!facts.isUp && !plan.returns) continue;
      if (!facts.isUp) {
        this.#step(visit, words, at, moves.start(at, process), StepKind.recovery, () => `${moves.ids[at]} comes back`);
        continue;
      }
      for (const own of facts.own) {
        if (this.#mayAct(words, all, at, own)) this.#act(visit, words, at, own);
      }
      if (!this.#mayCrash(words)) continue;
      quietly(visit, this.#crashed(words, at), StepKind.crash, () => `${moves.ids[at]} crashes`);
    }
    this.#messages(visit, words, all);
    if (plan.parts && words[this.#partsAt] === 0) this.#part(visit, words);
  }

  #act(visit: Visit, words: readonly number[], at: number, own: Own): void {
    const { moves } = this;
    const result = moves.act(at, words[at] as number, own);
    const next = [...words];
    if (own.type === "limit" || (own.type === "answer" && own.vote === "no")) next[this.#harmAt] = 1;
    const kind = own.type === "begin" ? StepKind.begin : StepKind.progress;
    this.#step(visit, next, at, result, kind, () => describeOwn(moves.ids[at] as string, own));
  }

  /** Timers end when the network of the plan lets them. */
  #mayAct(words: readonly number[], all: readonly Facts[], at: number, own: Own): boolean {
    if (this.plan.network === "lossy" || (own.type !== "limit" && own.type !== "resend")) return true;
    if (own.type === "resend") return !this.#isUnderWay(words, (from, to) => from === at || to === at);
    const { waitsFor, epoch } = all[at] as Facts;
    return waitsFor.every((id) => {
      const other = this.moves.ids.indexOf(id);
      const { history } = this.moves.processes.at(words[other] as number);
      const isGone = !all[other]?.isUp || ((history.down >> epoch) & 1) === 1 || this.#isApart(words, at, other);
      return isGone && !this.#isUnderWay(words, (from, to) => from === other && to === at);
    });
  }

  #mayCrash(words: readonly number[]): boolean {
    const { crashes } = this.plan;
    return crashes === null || (words[this.#crashesAt] as number) < crashes;
  }

  #crashed(words: readonly number[], at: number): number[] {
    const { moves, plan } = this;
    const coordinator = moves.processes.at(words[0] as number);
    const next = [...words];
    next[at] = moves.crash(at, words[at] as number, latestOf(coordinator.history.begun));
    if (plan.crashes !== null) next[this.#crashesAt] = (words[this.#crashesAt] as number) + 1;
    next[this.#harmAt] = 1;
    if (plan.network === "reliable") this.#forget(next, (_, to) => to === at);
    return next;
  }

  #messages(visit: Visit, words: readonly number[], all: readonly Facts[]): void {
    const { moves, plan } = this;
    this.#forEachMessage(words, (envelope, from, to) => {
      const next = [...words];
      if (plan.network === "reliable") clear(next, this.#count + 3, envelope);
      const isLost = plan.network === "reliable" && !all[from]?.isUp;
      if (isLost)
        quietly(
          visit,
          next,
          StepKind.loss,
          () => `what ${moves.ids[from]} said is lost: ${moves.describeTaking(envelope)} not`,
        );
      if (!all[to]?.isUp) return;
      const result = moves.take(to, words[to] as number, envelope);
      this.#step(visit, next, to, result, StepKind.progress, () => moves.describeTaking(envelope));
    });
  }

  /** Each way to part the processes, named by the bits of those that are not with the first. */
  #part(visit: Visit, words: readonly number[]): void {
    for (let others = 2; others < 1 << this.#count; others += 2) {
      const next = [...words];
      next[this.#partsAt] = others;
      next[this.#harmAt] = 1;
      this.#forget(next, (from, to) => ((others >> from) & 1) !== ((others >> to) & 1));
      const side = (bit: number): string => this.moves.ids.filter((_, at) => ((others >> at) & 1) === bit).join(", ");
      quietly(visit, next, StepKind.parting, () => `the network parts: ${side(0)} | ${side(1)}`);
    }
  }

  #isApart(words: readonly number[], a: number, b: number): boolean {
    const parts = words[this.#partsAt] as number;
    return ((parts >> a) & 1) !== ((parts >> b) & 1);
  }

  #forEachMessage(words: readonly number[], visit: (envelope: number, from: number, to: number) => void): void {
    for (let word = 0; word < messageWords; word++) {
      for (let rest = words[this.#count + 3 + word] as number; rest !== 0; rest &= rest - 1) {
        const envelope = word * wordBits + 31 - Math.clz32(rest & -rest);
        visit(envelope, this.moves.fromOf(envelope), this.moves.toOf(envelope));
      }
    }
  }

  #isUnderWay(words: readonly number[], which: (from: number, to: number) => boolean): boolean {
    let found = false;
    this.#forEachMessage(words, (_, from, to) => {
      found ||= which(from, to);
    });
    return found;
  }

  #forget(words: number[], which: (from: number, to: number) => boolean): void {
    this.#forEachMessage([...words], (envelope, from, to) => {
      if (which(from, to)) clear(words, this.#count + 3, envelope);
    });
  }

  /** A process has become another, and has said something; or power fails in the middle of it. */
  #step(visit: Visit, words: readonly number[], at: number, result: Result, kind: StepKind, what: () => string): void {
    const story = (): string => `${what()}: ${this.moves.ids[at]} ${this.moves.describeResult(result)}`;
    visit({ words: this.#after(words, at, result), kind, story, fault: result.fault });
    const { amid } = result;
    if (amid === null || !this.#mayCrash(words)) return;
    const next = this.#crashed(this.#after(words, at, amid), at);
    quietly(visit, next, StepKind.crash, () => `${what()}: ${this.moves.ids[at]} crashes before that is durable`);
  }

  #after(words: readonly number[], at: number, { process, sent }: Pick<Result, "process" | "sent">): number[] {
    const next = [...words];
    next[at] = process;
    for (const envelope of sent) {
      if (this.plan.network === "reliable" && !this.#arrives(next, at, envelope)) {
        const to = this.moves.toOf(envelope);
        next[to] = this.moves.miss(to, next[to] as number, envelope);
        continue;
      }
      const word = Math.floor(envelope / wordBits);
      if (word >= messageWords) throw new Error(`${this.plan.name} has more than ${messageWords * wordBits} messages`);
      next[this.#count + 3 + word] = (next[this.#count + 3 + word] as number) | (1 << (envelope % wordBits));
    }
    return next;
  }

  #arrives(words: readonly number[], from: number, envelope: number): boolean {
    const to = this.moves.toOf(envelope);
    return this.moves.facts(to, words[to] as number).isUp && !this.#isApart(words, from, to);
  }

  get #crashesAt(): number {
    return this.#count;
  }

  get #partsAt(): number {
    return this.#count + 1;
  }

  get #harmAt(): number {
    return this.#count + 2;
  }
}

function quietly(visit: Visit, words: readonly number[], kind: StepKind, story: () => string): void {
  visit({ words, kind, story, fault: null });
}

function clear(words: number[], first: number, envelope: number): void {
  const at = first + Math.floor(envelope / wordBits);
  words[at] = (words[at] as number) & ~(1 << (envelope % wordBits));
}

function describeOwn(id: string, own: Own): string {
  switch (own.type) {
    case "begin":
      return `${id} begins`;
    case "answer":
      return `${id}'s resource answers ${own.vote}`;
    case "sync":
      return `${id}'s oldest write is durable`;
    case "resend":
      return `${id} says it again`;
    case "limit":
      return `${id} runs out of patience`;
    default:
      return own satisfies never;
  }
}
