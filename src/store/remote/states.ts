import type { StoreState } from "../store.ts";

/** States that wait for one consumer; older ones go when there are more: what counts is where the store stands. */
const MOST_WAITING = 64;

/** Hands every change of a store's state to everyone who iterates. */
export class States {
  readonly #consumers = new Set<(state: StoreState) => void>();

  tell(state: StoreState): void {
    for (const consumer of this.#consumers) consumer(state);
  }

  /** From the state on that is the present one when it is first asked; ends after `closed`. */
  async *from(present: () => StoreState): AsyncGenerator<StoreState, void, undefined> {
    let waiting: StoreState[] = [present()];
    let wake = (): void => undefined;
    const take = (state: StoreState): void => {
      waiting.push(state);
      if (waiting.length > MOST_WAITING) waiting.shift();
      wake();
    };
    this.#consumers.add(take);
    try {
      for (;;) {
        const batch = waiting;
        waiting = [];
        for (const state of batch) {
          yield state;
          if (state.is === "closed") return;
        }
        if (waiting.length === 0) {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      this.#consumers.delete(take);
    }
  }
}
