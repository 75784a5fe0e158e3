/**
 * The signals that ask a program to end. The first asks for a clean stop; another, later, ends the process at once.
 *
 * One Ctrl-C may arrive twice: from the terminal, which tells every process in the foreground, and from a parent that
 * passes it on. So a signal right behind the first one says nothing new.
 */
const ECHO_MS = 500;

/** The usual exit codes of programs ended by these signals: 128 + the signal's number. */
const signalNumbers: Readonly<Partial<Record<NodeJS.Signals, number>>> = { SIGINT: 2, SIGTERM: 15 };

export class SignalGate {
  #first: number | null = null;
  #handle: (signal: NodeJS.Signals) => void = () => undefined;

  constructor(signals: readonly NodeJS.Signals[]) {
    for (const signal of signals) process.on(signal, () => this.#arrived(signal));
  }

  /** Sets what the first signal does, in place of what was set before. */
  onFirst(handle: (signal: NodeJS.Signals) => void): void {
    this.#handle = handle;
  }

  #arrived(signal: NodeJS.Signals): void {
    const now = performance.now();
    if (this.#first === null) {
      this.#first = now;
      this.#handle(signal);
    } else if (now - this.#first > ECHO_MS) {
      process.exit(128 + (signalNumbers[signal] ?? 1));
    }
  }
}
