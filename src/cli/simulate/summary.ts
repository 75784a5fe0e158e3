/** What one run and many runs came to, as plain data that passes between threads. */
import type { SeedResult } from "../../sim/run-seed.ts";

export interface SeedSummary {
  readonly seed: number;
  readonly failure: { readonly property: string; readonly message: string } | null;
  readonly traceHash: string;
  readonly members: number;
  readonly virtualMs: number;
  readonly realMs: number;
  readonly events: number;
  readonly calls: number;
  readonly answered: number;
  readonly entries: number;
  readonly faults: ReadonlyMap<string, number>;
  readonly marks: ReadonlyMap<string, number>;
}

export function summarise(result: SeedResult, realMs: number): SeedSummary {
  const { seed, failure, traceHash, virtualMs, events, calls, answered, entries, faults, marks, plan } = result;
  const { members } = plan.cluster;
  return { seed, failure, traceHash, members, virtualMs, realMs, events, calls, answered, entries, faults, marks };
}

/** The sum of many runs. */
export class Totals {
  seeds = 0;
  virtualMs = 0;
  /** Of all threads together. */
  busyMs = 0;
  events = 0;
  calls = 0;
  answered = 0;
  entries = 0;
  readonly failures: SeedSummary[] = [];
  readonly faults: Map<string, number> = new Map();
  readonly marks: Map<string, number> = new Map();

  add(summary: SeedSummary): void {
    this.seeds++;
    this.virtualMs += summary.virtualMs;
    this.busyMs += summary.realMs;
    this.events += summary.events;
    this.calls += summary.calls;
    this.answered += summary.answered;
    this.entries += summary.entries;
    if (summary.failure !== null) this.failures.push(summary);
    for (const [kind, count] of summary.faults) this.faults.set(kind, (this.faults.get(kind) ?? 0) + count);
    for (const [name, count] of summary.marks) this.marks.set(name, (this.marks.get(name) ?? 0) + count);
  }
}
