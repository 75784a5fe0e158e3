/**
 * Is there an order of concurrent operations, true to real time, in which each answer is right?
 *
 * The search of Wing and Gong (1993) with Lowe's memory (2017): of the operations that may come next, those that were
 * invoked before any other returned, take one and go on with what it leaves behind; go back where there is none; never
 * look twice at the same set of operations with the same state. An operation without an answer is optional: it may come
 * anywhere after its invocation, or never.
 *
 * Three things that a model may know keep it near to linear, and cost nothing in exactness:
 *
 * - ranks: an answer that says where its operation stands among the others leaves no choice there;
 * - parts of the state: operations without a common part commute, so an optional one need only be tried right before an
 *   operation that has a part in common with it;
 * - conflicts: what does not fit is put down to parts of the state, and an optional operation is only tried if it
 *   changes one of those (conflict-directed backjumping, Prosser 1993).
 */

/** Parts of the state, one bit each. */
export type Parts = bigint;

export interface Operation<Call> {
  readonly call: Call;
  /** Moments in one sequence. */
  readonly invoked: number;
  /** Null: without an answer, optional. */
  readonly returned: number | null;
}

export interface Step<State, Call> {
  /** What the operation may leave behind; none: it can't come next. */
  readonly states: readonly State[];
  /** States that differ from one of these only in the resource that the operation takes. */
  readonly spares?: readonly State[];
  /** Parts that would have to be different for there to be a state (or another one). */
  readonly conflict: Parts;
  /** Why there is no state. */
  readonly reason: string;
  /** A call, made or still to come, that this is known from. */
  readonly witness?: Call;
}

export interface Model<State, Call> {
  readonly initial: State;
  /** The part that stands in conflicts for resources (as revisions) that others have taken; 0n: there are none. */
  readonly resources: Parts;
  step(state: State, call: Call): Step<State, Call>;
  /** Equal for states of which nothing that is still to come can tell the difference. */
  key(state: State): string;
  /** For calls with an answer: those with a smaller rank come first; equal ones in any order. */
  rank(call: Call): number;
  /** What it may look at or change: it commutes with calls that touch other parts only. */
  touches(call: Call): Parts;
  /** What it may change. A call with an answer that changes nothing is made as soon as it can be. */
  changes(call: Call): Parts;
  /** Parts that decide what an optional call does to others. */
  depends(call: Call): Parts;
}

/** What was tried where the search came furthest. */
export interface Attempt<Call> {
  /** Optional calls that were put right before it. */
  readonly inserted: readonly Call[];
  readonly call: Call;
  readonly reason: string;
  readonly conflict: Parts;
  readonly witness: Call | null;
}

export type Verdict<Call> =
  | { readonly type: "linearizable"; readonly order: readonly Call[] }
  /** `undecided`: the search was given up. `order`: as far as it came, and what it tried there. */
  | {
      readonly type: "impossible" | "undecided";
      readonly order: readonly Call[];
      readonly attempts: readonly Attempt<Call>[];
    };

const MAX_ATTEMPTS = 50;

export function findLinearization<State, Call>(
  model: Model<State, Call>,
  operations: readonly Operation<Call>[],
  maxSteps: number,
): Verdict<Call> {
  return new Search(model, operations, maxSteps).run();
}

interface Node<Call> {
  /** Place by invocation, among the required or the optional ones. */
  at: number;
  /** Place by rank. */
  rankAt: number;
  readonly call: Call;
  readonly invoked: number;
  readonly returned: number | null;
  readonly rank: number;
  readonly touches: Parts;
  readonly changes: Parts;
  readonly depends: Parts;
  isTaken: boolean;
}

/** One set of operations taken, in one order, and what is left to try there. */
interface Frame<State, Call> {
  readonly state: State;
  /** The operation that led here. */
  readonly node: Node<Call> | null;
  readonly candidates: readonly Node<Call>[];
  /** Optional operations that were invoked after this have to wait. */
  readonly frontier: number;
  nextCandidate: number;
  /** Optional operations that were tried here; null: none. */
  tried: Set<Node<Call>> | null;
  /** Parts of all that was tried: only what has one in common with it can matter here. */
  reach: Parts;
  /** What the operation under trial leaves behind. */
  pending: readonly State[];
  trial: Node<Call> | null;
  /** States to try if resources turn out to be short. */
  readonly spares: { readonly node: Node<Call>; readonly state: State }[];
  conflict: Parts;
}

class Search<State, Call> {
  readonly #model: Model<State, Call>;
  readonly #maxSteps: number;
  readonly #required: readonly Node<Call>[];
  readonly #byRank: readonly Node<Call>[];
  readonly #optional: readonly Node<Call>[];
  readonly #stack: Frame<State, Call>[] = [];
  /** The first one that is not taken, by invocation and by rank. */
  #firstInvoked = 0;
  #firstRanked = 0;
  #takenRequired = 0;
  #steps = 0;
  /** By how many required operations were taken; then by which, and the state: the conflict. */
  readonly #failed = new Map<number, Map<string, Parts>>();
  #furthest = -1;
  #furthestOrder: readonly Call[] = [];
  #attempts: Attempt<Call>[] = [];

  constructor(model: Model<State, Call>, operations: readonly Operation<Call>[], maxSteps: number) {
    this.#model = model;
    this.#maxSteps = maxSteps;
    const nodes = [...operations]
      .sort((a, b) => a.invoked - b.invoked)
      .map(
        ({ call, invoked, returned }): Node<Call> => ({
          at: 0,
          rankAt: 0,
          call,
          invoked,
          returned,
          rank: returned === null ? 0 : model.rank(call),
          touches: model.touches(call),
          changes: model.changes(call),
          depends: model.depends(call),
          isTaken: false,
        }),
      );
    this.#required = nodes.filter(({ returned }) => returned !== null);
    this.#byRank = [...this.#required].sort((a, b) => a.rank - b.rank);
    this.#optional = nodes.filter(({ returned }) => returned === null);
    this.#required.forEach((node, at) => (node.at = at));
    this.#optional.forEach((node, at) => (node.at = at));
    this.#byRank.forEach((node, at) => (node.rankAt = at));
  }

  run(): Verdict<Call> {
    this.#push(this.#model.initial, null);
    for (;;) {
      const frame = this.#stack.at(-1);
      if (frame === undefined) return this.#negative("impossible");
      if (this.#takenRequired === this.#required.length) return { type: "linearizable", order: this.#order() };
      if (this.#steps >= this.#maxSteps) return this.#negative("undecided");
      const { trial } = frame;
      const [state, ...others] = frame.pending;
      if (trial !== null && state !== undefined) {
        frame.pending = others;
        this.#descend(frame, trial, state);
      } else {
        const next = this.#nextTrial(frame);
        const spare = next === null && (frame.conflict & this.#model.resources) !== 0n ? frame.spares.pop() : undefined;
        if (next !== null) this.#try(frame, next);
        else if (spare !== undefined) this.#descend(frame, spare.node, spare.state);
        else this.#fail(frame);
      }
    }
  }

  #negative(type: "impossible" | "undecided"): Verdict<Call> {
    return { type, order: this.#furthestOrder, attempts: this.#attempts };
  }

  #order(): Call[] {
    const calls: Call[] = [];
    for (const { node } of this.#stack) if (node !== null) calls.push(node.call);
    return calls;
  }

  #push(state: State, node: Node<Call> | null): void {
    const { candidates, frontier } = this.#frontier();
    let reach = 0n;
    for (const { touches } of candidates) reach |= touches;
    const frame: Frame<State, Call> = {
      state,
      node,
      candidates,
      frontier,
      nextCandidate: 0,
      tried: null,
      reach,
      pending: [],
      trial: null,
      spares: [],
      conflict: 0n,
    };
    this.#stack.push(frame);
    const first = this.#byRank[this.#firstRanked];
    if (candidates.length > 0 || first === undefined) return;
    const witness = this.#required.find(({ isTaken, returned }) => !isTaken && returned === frontier)?.call ?? null;
    const reason = "a call that must come after it, by its answer, had returned before it was invoked";
    this.#attempted({ inserted: this.#inserted(), call: first.call, reason, conflict: 0n, witness });
  }

  /** Operations of the smallest rank that were invoked before any that is not taken returned. */
  #frontier(): { candidates: Node<Call>[]; frontier: number } {
    const rank = this.#byRank[this.#firstRanked]?.rank;
    const candidates: Node<Call>[] = [];
    let frontier = Number.POSITIVE_INFINITY;
    for (let at = this.#firstInvoked; at < this.#required.length; at++) {
      const node = this.#required[at] as Node<Call>;
      if (node.invoked > frontier) break;
      if (node.isTaken) continue;
      if (node.returned !== null && node.returned < frontier) frontier = node.returned;
      // Those before it were invoked earlier, so a return that comes before its invocation is known by now.
      if (node.rank === rank) candidates.push(node);
    }
    return { candidates, frontier };
  }

  #nextTrial(frame: Frame<State, Call>): Node<Call> | null {
    const candidate = frame.candidates[frame.nextCandidate];
    if (candidate !== undefined) {
      frame.nextCandidate += 1;
      return candidate;
    }
    for (const node of this.#optional) {
      if (node.invoked > frame.frontier) break;
      if (node.isTaken || (node.changes & frame.conflict) === 0n || (node.touches & frame.reach) === 0n) continue;
      frame.tried ??= new Set();
      if (frame.tried.has(node)) continue;
      frame.tried.add(node);
      frame.reach |= node.touches;
      return node;
    }
    return null;
  }

  #try(frame: Frame<State, Call>, node: Node<Call>): void {
    this.#steps += 1;
    const { states, spares, conflict, reason, witness = null } = this.#model.step(frame.state, node.call);
    frame.trial = node;
    frame.pending = states;
    frame.conflict |= conflict;
    for (const state of spares ?? []) frame.spares.push({ node, state });
    if (states.length === 0) {
      this.#attempted({ inserted: this.#inserted(), call: node.call, reason, conflict, witness });
    } else if (node.returned !== null && node.changes === 0n) {
      // It can be made now and nobody notices: if there is an order at all, there is one that begins with it.
      frame.nextCandidate = frame.candidates.length;
    }
  }

  #descend(frame: Frame<State, Call>, node: Node<Call>, state: State): void {
    this.#take(node);
    const known = this.#failed.get(this.#takenRequired)?.get(this.#signature(state));
    if (known === undefined) {
      this.#push(state, node);
    } else {
      this.#untake(node);
      this.#blame(frame, node, known);
    }
  }

  #fail(frame: Frame<State, Call>): void {
    let failed = this.#failed.get(this.#takenRequired);
    if (failed === undefined) {
      failed = new Map();
      this.#failed.set(this.#takenRequired, failed);
    }
    failed.set(this.#signature(frame.state), frame.conflict);
    this.#stack.pop();
    const parent = this.#stack.at(-1);
    if (parent === undefined || frame.node === null) return;
    this.#untake(frame.node);
    this.#blame(parent, frame.node, frame.conflict);
  }

  /** What came of a trial, made known to the frame that made it. */
  #blame(frame: Frame<State, Call>, node: Node<Call>, conflict: Parts): void {
    frame.conflict |= conflict;
    if (node.returned !== null) return;
    if ((node.changes & conflict) !== 0n) frame.conflict |= node.depends;
    // It has no part in the failure, so it does not matter either which of its states it left.
    else frame.pending = [];
  }

  #take(node: Node<Call>): void {
    node.isTaken = true;
    if (node.returned === null) return;
    this.#takenRequired += 1;
    while (this.#required[this.#firstInvoked]?.isTaken === true) this.#firstInvoked += 1;
    while (this.#byRank[this.#firstRanked]?.isTaken === true) this.#firstRanked += 1;
  }

  #untake(node: Node<Call>): void {
    node.isTaken = false;
    if (node.returned === null) return;
    this.#takenRequired -= 1;
    this.#firstInvoked = Math.min(this.#firstInvoked, node.at);
    this.#firstRanked = Math.min(this.#firstRanked, node.rankAt);
  }

  /** Which operations are taken, as far as their number does not say it, and the state. */
  #signature(state: State): string {
    const ahead: number[] = [];
    let missing = this.#takenRequired - this.#firstInvoked;
    for (let at = this.#firstInvoked; missing > 0; at++) {
      if (this.#required[at]?.isTaken !== true) continue;
      ahead.push(at);
      missing -= 1;
    }
    const optional = this.#optional.filter(({ isTaken }) => isTaken).map(({ at }) => at);
    return `${ahead.join()}|${optional.join()}|${this.#model.key(state)}`;
  }

  /** Optional operations taken since the last required one. */
  #inserted(): Call[] {
    const last = this.#stack.findLastIndex(({ node }) => node !== null && node.returned !== null);
    return this.#stack.slice(last + 1).flatMap(({ node }) => (node === null ? [] : [node.call]));
  }

  #attempted(attempt: Attempt<Call>): void {
    if (this.#takenRequired < this.#furthest) return;
    if (this.#takenRequired > this.#furthest) {
      this.#furthest = this.#takenRequired;
      this.#furthestOrder = this.#order();
      this.#attempts = [];
    }
    if (this.#attempts.length < MAX_ATTEMPTS) this.#attempts.push(attempt);
  }
}
