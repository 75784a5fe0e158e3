/** Tells all who wait that something has changed; who comes later waits for the next time. */
export class Bell {
  #next = Promise.withResolvers<void>();

  ring(): void {
    const { resolve } = this.#next;
    this.#next = Promise.withResolvers();
    resolve();
  }

  /** Resolves when it rings the next time. */
  get next(): Promise<void> {
    return this.#next.promise;
  }
}
