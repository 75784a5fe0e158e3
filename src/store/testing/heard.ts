import type { DiagnosticMessages, Diagnostics } from "../diagnostics.ts";
import { nodeDiagnostics } from "../node-diagnostics.ts";

type Name = keyof DiagnosticMessages;

export interface Heard<N extends Name = Name> {
  readonly name: N;
  readonly message: DiagnosticMessages[N];
}

/** Somebody who listens to all channels but some, and writes down what is told. */
export class Listener {
  readonly heard: Heard[] = [];
  readonly diagnostics: Diagnostics;

  constructor(...without: readonly Name[]) {
    const names = Object.keys(nodeDiagnostics) as Name[];
    const entries = names.map((name) => [
      name,
      {
        hasSubscribers: !without.includes(name),
        publish: (message: DiagnosticMessages[Name]) => void this.heard.push({ name, message }),
      },
    ]);
    this.diagnostics = Object.fromEntries(entries) as Diagnostics;
  }

  /** What was told on one channel. */
  on<N extends Name>(name: N): DiagnosticMessages[N][] {
    return this.heard.filter((one): one is Heard<N> => one.name === name).map(({ message }) => message);
  }

  get names(): Name[] {
    return this.heard.map(({ name }) => name);
  }
}
