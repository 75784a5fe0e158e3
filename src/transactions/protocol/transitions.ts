/**
 * What each side does when time runs out and when it comes back from a crash, as tables: `two-phase/transitions.ts`,
 * `three-phase/transitions.ts`. The exhaustive runs are held against them (each row is seen, and nothing else is), and the
 * pages in docs/internals show them.
 */
export interface Transition {
  readonly role: "coordinator" | "participant";
  /** Where it is; for a crash, where it was. */
  readonly phase: string;
  /** `resend`: it is time to say something again. `limit`: patience ends. `crash`: it comes back from one. */
  readonly on: "resend" | "limit" | "crash";
  /** After a crash: what the log says. Else empty. */
  readonly log: string;
  readonly to: string;
  /** What it says and does then, and why that is right. */
  readonly why: string;
}

/** As a table in Markdown, with its first line behind `role`. */
export function transitionTable(rows: readonly Transition[]): string {
  const head = ["side", "where", "what happens", "its log says", "goes to", "does, because"];
  const cells = rows.map(({ role, phase, on, log, to, why }) => [role, phase, on, log, to, why]);
  return [head, head.map(() => "---"), ...cells].map((line) => `| ${line.join(" | ")} |`).join("\n");
}
