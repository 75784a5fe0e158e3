/**
 * Goes through every state that a plan can reach, breadth first, so that what it finds wrong is reached on a shortest
 * way.
 */
import type { Observed } from "./model.ts";
import type { Plan } from "./plan.ts";
import { check, type Fault } from "./properties.ts";
import { Numbers } from "./tables.ts";
import { World } from "./world.ts";

export interface Violation {
  readonly property: string;
  readonly what: string;
  /** All that happened, one line a step. */
  readonly steps: readonly string[];
}

export interface Exploration {
  readonly plan: Plan;
  readonly states: number;
  readonly transitions: number;
  /** Null: nothing is wrong. Else nothing behind it was looked at. */
  readonly violation: Violation | null;
  /** What processes were seen to do when time ran out, or power. */
  readonly observed: readonly Observed[];
}

export class Explorer {
  readonly world: World;
  /** With `plan.graph`: three numbers an edge, from, to, kind. */
  readonly edges: Numbers = new Numbers();
  readonly #states: string[] = [];
  readonly #index = new Map<string, number>();
  /** Of each state, whence it was first reached. */
  readonly #parents = new Numbers();

  constructor(plan: Plan) {
    this.world = new World(plan);
  }

  get size(): number {
    return this.#states.length;
  }

  wordsOf(state: number): number[] {
    const text = this.#states[state] ?? "";
    const words: number[] = [];
    for (let at = 0; at < text.length; at++) words.push(text.charCodeAt(at));
    return words;
  }

  /** @throws Error for a run of more than `maxStates`: give the plan narrower bounds */
  run(maxStates = 8_000_000): Exploration {
    const { world } = this;
    const { plan, moves } = world;
    let transitions = 0;
    let violation: Violation | null = null;
    this.#add(world.initial(), -1);
    for (let state = 0; state < this.#states.length && violation === null; state++) {
      if (this.#states.length > maxStates) throw new Error(`${plan.name} has more than ${maxStates} states`);
      const from = this.wordsOf(state);
      if (world.isOver(from)) continue;
      world.forEach(from, ({ words, kind, story, fault: ofStep }) => {
        transitions++;
        if (violation !== null) return;
        const known = this.#index.get(keyOf(words));
        const next = known ?? this.#add(words, state);
        const fault = ofStep ?? (known === undefined ? this.#check(words) : null);
        if (fault !== null) violation = describe(fault, [...this.storyOf(state), story()]);
        if (!plan.graph || next === state) return;
        this.edges.push(state);
        this.edges.push(next);
        this.edges.push(kind);
      });
    }
    return { plan, states: this.size, transitions, violation, observed: [...moves.observed.values()] };
  }

  /** How a state is reached, one line a step. */
  storyOf(state: number): string[] {
    const lines: string[] = [];
    for (let at = state; this.#parents.at(at) >= 0; at = this.#parents.at(at)) {
      const key = this.#states[at];
      let line = "";
      this.world.forEach(this.wordsOf(this.#parents.at(at)), ({ words, story }) => {
        if (line === "" && keyOf(words) === key) line = story();
      });
      lines.push(line);
    }
    return lines.reverse();
  }

  #add(words: readonly number[], parent: number): number {
    const key = keyOf(words);
    const state = this.#states.push(key) - 1;
    this.#index.set(key, state);
    this.#parents.push(parent);
    return state;
  }

  #check(words: readonly number[]): Fault | null {
    const { moves } = this.world;
    const all = moves.ids.map((id, at) => {
      const process = words[at] as number;
      return { id, history: moves.processes.at(process).history, isIdle: moves.facts(at, process).isIdle };
    });
    return check(all, this.world.isUnharmed(words));
  }
}

function keyOf(words: readonly number[]): string {
  return String.fromCharCode(...words);
}

function describe([property, what]: Fault, steps: readonly string[]): Violation {
  return { property, what, steps };
}
