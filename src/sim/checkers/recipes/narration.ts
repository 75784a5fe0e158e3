/** What programs held, in words. */
import type { Holding } from "../../recipes/history.ts";
import { alignedTable } from "../narration.ts";

export function holdingText({ program, resource, fence }: Holding): string {
  return `${program}, which was let into ${resource} with the fence ${fence},`;
}

export function holdingTable(holdings: readonly Holding[]): string[] {
  return alignedTable(
    holdings.map(({ program, resource, fence, granted, ended, clockStopped }) => [
      program,
      resource,
      `fence ${fence}`,
      `from ${granted.at.toFixed(3)} ms`,
      ended === null ? "holds still" : `until ${ended.at.toFixed(3)} ms`,
      clockStopped ? "its clock stood still" : "",
    ]),
  );
}

/** By what they are of, in the order in which they were written down. */
export function grouped<T>(all: readonly T[], nameOf: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const name = nameOf(one);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return groups;
}
