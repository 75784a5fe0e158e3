/**
 * Decides whether what clients saw of one register can be explained by operations that each took effect at one moment
 * between its call and its answer.
 *
 * The search is that of Wing and Gong ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of the
 * configurations already tried ("Testing for linearizability", 2017): exact, exponential at worst. It stays small
 * because histories are short (one register, one round) and every value is written once, which lets most operations of
 * unknown outcome be settled beforehand.
 */

/** Absent keys are null. A failed compare-and-set is a read of the value that it found. */
export type Step =
  | { readonly type: "read"; readonly value: string | null }
  | { readonly type: "write"; readonly value: string }
  | { readonly type: "cas"; readonly expected: string | null; readonly value: string };

export interface Operation {
  readonly step: Step;
  /** When it was called, in milliseconds. */
  readonly start: number;
  /** When it was answered; `Infinity` if nobody knows whether it took effect. */
  readonly end: number;
  /** Who, for people. */
  readonly client?: string;
}

export type Verdict =
  | { readonly linearizable: true }
  /** `stuck`: the operations of which one had to come next, where the longest explanation ended. */
  | {
      readonly linearizable: false;
      readonly explained: number;
      readonly value: string | null;
      readonly stuck: Operation[];
    };

/** Every written value must be different. The register is absent before the first operation. */
export function checkRegister(history: readonly Operation[]): Verdict {
  const operations = settle(history).sort((a, b) => a.start - b.start);
  const search = new Search(operations);
  return search.run();
}

/**
 * Takes the unknown out of the history. A write that nobody saw may as well not have happened; one that somebody saw took
 * effect before that one's answer, and if it was a compare-and-set, then it saw a value itself.
 */
function settle(history: readonly Operation[]): Operation[] {
  const settled = history.filter(({ end }) => end !== Number.POSITIVE_INFINITY);
  let open = history.filter(({ step, end }) => end === Number.POSITIVE_INFINITY && step.type !== "read");
  /** By value: the earliest answer that proves that it was there. */
  const seen = new Map<string, number>();
  const observe = ({ step, end }: Operation): void => {
    const observed = step.type === "read" ? step.value : step.type === "cas" ? step.expected : null;
    if (observed !== null) seen.set(observed, Math.min(seen.get(observed) ?? Number.POSITIVE_INFINITY, end));
  };
  for (const operation of settled) observe(operation);
  for (;;) {
    const proven = open.filter(({ step }) => step.value !== null && seen.has(step.value));
    if (proven.length === 0) return settled;
    open = open.filter((operation) => !proven.includes(operation));
    for (const operation of proven) {
      const end = seen.get(operation.step.value as string) as number;
      const known = { ...operation, end };
      settled.push(known);
      observe(known);
    }
  }
}

class Search {
  readonly #operations: readonly Operation[];
  readonly #done: Uint8Array;
  readonly #tried = new Set<string>();
  #bestCount = -1;
  #bestValue: string | null = null;
  #bestStuck: Operation[] = [];

  constructor(operations: readonly Operation[]) {
    this.#operations = operations;
    this.#done = new Uint8Array(operations.length);
  }

  run(): Verdict {
    // One frame a placed operation: what may come next there, and how far we are with it. No recursion: histories are
    // longer than the stack likes.
    const frames: { value: string | null; choices: number[]; next: number; placed: number }[] = [];
    let value: string | null = null;
    let placed = -1;
    for (;;) {
      const choices = this.#choices();
      if (choices.length === 0) return { linearizable: true };
      this.#remember(frames.length, value, choices);
      frames.push({ value, choices, next: 0, placed });
      let advanced = false;
      while (!advanced) {
        const frame = frames.at(-1);
        if (frame === undefined) {
          return { linearizable: false, explained: this.#bestCount, value: this.#bestValue, stuck: this.#bestStuck };
        }
        const choice = frame.choices[frame.next++];
        if (choice === undefined) {
          frames.pop();
          if (frame.placed >= 0) this.#done[frame.placed] = 0;
          continue;
        }
        const after = take(this.#operations[choice] as Operation, frame.value);
        if (after === undefined) continue;
        this.#done[choice] = 1;
        const configuration = this.#configuration(after);
        if (this.#tried.has(configuration)) {
          this.#done[choice] = 0;
          continue;
        }
        this.#tried.add(configuration);
        value = after;
        placed = choice;
        advanced = true;
      }
    }
  }

  /** Those that were called before the first of the remaining was answered: one of them must come next. */
  #choices(): number[] {
    let firstEnd = Number.POSITIVE_INFINITY;
    const choices: number[] = [];
    for (let at = 0; at < this.#operations.length; at++) {
      const { start, end } = this.#operations[at] as Operation;
      if (start > firstEnd) break;
      if (this.#done[at] === 1) continue;
      choices.push(at);
      firstEnd = Math.min(firstEnd, end);
    }
    return choices.filter((at) => (this.#operations[at] as Operation).start <= firstEnd);
  }

  /** The set of placed operations (all before the first open one, and which after it) and the value they lead to. */
  #configuration(value: string | null): string {
    let first = 0;
    while (this.#done[first] === 1) first++;
    const later: number[] = [];
    for (let at = first + 1; at < this.#done.length; at++) if (this.#done[at] === 1) later.push(at - first);
    return `${first}|${later.join(",")}|${value === null ? "" : `=${value}`}`;
  }

  #remember(count: number, value: string | null, choices: readonly number[]): void {
    if (count <= this.#bestCount) return;
    this.#bestCount = count;
    this.#bestValue = value;
    this.#bestStuck = choices.map((at) => this.#operations[at] as Operation);
  }
}

/** The value after `operation` took effect on `value`; undefined if it cannot have. */
function take({ step }: Operation, value: string | null): string | null | undefined {
  switch (step.type) {
    case "read":
      return step.value === value ? value : undefined;
    case "write":
      return step.value;
    case "cas":
      return step.expected === value ? step.value : undefined;
  }
}
