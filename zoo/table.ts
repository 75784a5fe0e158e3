/** What the hunts came to, for people. */
import { describeGround } from "./ground.ts";
import type { Hunt } from "./hunt.ts";

/** A line about one hunt, for when it is over. */
export function describeHunt({ defect, find, unsound, seconds }: Hunt): string {
  const also = unsound.length === 0 ? "" : ` (fails without it, too: seeds ${unsound.join(", ")})`;
  if (find === null) return `${defect.name} escaped in ${seconds.toFixed(0)} s${also}`;
  const [fact = ""] = find.failure.message.split("\n");
  return `${defect.name} caught by "${find.failure.property}" in seed ${find.seed}, after ${find.seconds.toFixed(1)} s: ${fact.slice(0, 160)}${also}`;
}

/** All of them: defect, engine, where, caught by, after how many seeds, seconds, and in how many of the next, if that was asked. */
export function table(hunts: readonly Hunt[], rateSeeds: number): string {
  const head = [
    "defect",
    "engine",
    "where",
    "caught by",
    "seeds",
    "seconds",
    ...(rateSeeds > 0 ? [`of next ${rateSeeds}`] : []),
  ];
  const rows = hunts.map(({ defect, ground, find, seconds }) => {
    const where = describeGround(ground);
    const row =
      find === null
        ? [defect.name, ground.engine, where, "ESCAPED", "-", seconds.toFixed(1), "-"]
        : [
            defect.name,
            ground.engine,
            where,
            find.failure.property,
            `${find.seed}`,
            find.seconds.toFixed(1),
            `${find.again}`,
          ];
    return row.slice(0, head.length);
  });
  const all = [head, ...rows];
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (column >= 4 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return all.map(line).join("\n");
}
