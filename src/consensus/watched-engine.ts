/**
 * An engine that tells an observer what goes in and what comes out, and is otherwise the engine it was.
 *
 * The observer looks on after the fact: it sees the engine's state after each input and the effects that its owner gets.
 * What it throws comes out of the call it was told of.
 */
import type { MemberId } from "../environment.ts";
import type { Effects, Engine, EngineOptions, EngineStart, Entry, Input, Status } from "./engine.ts";
import type { EngineKind } from "./engines.ts";

export interface EngineObserver {
  /** A member's engine was made. `life` counts from 1, by member; what is told of an earlier life is over. */
  started(id: MemberId, life: number, start: EngineStart, engine: Engine, options: EngineOptions): void;
  /** It took an input; its status and its log are those after it. `now` on the member's own clock. */
  stepped(id: MemberId, life: number, input: Input, now: number): void;
  /** Its owner took these effects, and will carry them out after this. */
  drained(id: MemberId, life: number, effects: Effects, status: Status): void;
}

/**
 * The same kind of engine under observation. One call watches one group: members are told apart by their ids, lives are
 * counted from this call on.
 */
export function watched(kind: EngineKind, observer: EngineObserver): EngineKind {
  const lives = new Map<MemberId, number>();
  return {
    ...kind,
    create: (options, start, now) => {
      const engine = kind.create(options, start, now);
      const life = (lives.get(options.id) ?? 0) + 1;
      lives.set(options.id, life);
      observer.started(options.id, life, start, engine, options);
      return new WatchedEngine(engine, observer, options.id, life);
    },
  };
}

class WatchedEngine implements Engine {
  readonly #engine: Engine;
  readonly #observer: EngineObserver;
  readonly #id: MemberId;
  readonly #life: number;

  constructor(engine: Engine, observer: EngineObserver, id: MemberId, life: number) {
    this.#engine = engine;
    this.#observer = observer;
    this.#id = id;
    this.#life = life;
  }

  step(input: Input, now: number): void {
    this.#engine.step(input, now);
    this.#observer.stepped(this.#id, this.#life, input, now);
  }

  effects(): Effects {
    const effects = this.#engine.effects();
    this.#observer.drained(this.#id, this.#life, effects, this.#engine.status);
    return effects;
  }

  get status(): Status {
    return this.#engine.status;
  }

  entryAt(index: number): Entry | null {
    return this.#engine.entryAt(index);
  }
}
