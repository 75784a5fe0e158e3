/** What asks a program to end. */
const SIGNALS: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** The first signal that asks this process to end, as something that can be waited for. */
export class Interrupt implements Disposable {
  readonly #controller = new AbortController();
  #first: NodeJS.Signals | null = null;
  readonly #take = (signal: NodeJS.Signals): void => {
    this.#first ??= signal;
    this.#controller.abort(new Error(`this process got ${signal}`));
  };

  constructor() {
    for (const signal of SIGNALS) process.on(signal, this.#take);
  }

  /** Null: none has come. */
  get first(): NodeJS.Signals | null {
    return this.#first;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#take);
  }
}
