/** Two lists of lines, side by side: what was recorded and what happened. */

/** Lines that are on both sides and near a difference are shown so far. */
const context = 2;

/** `-` recorded and missing, `+` new; null if both are the same. */
export function describeDifference(recorded: readonly string[], found: readonly string[]): string | null {
  const marked = align(recorded, found);
  if (marked.every(({ mark }) => mark === " ")) return null;
  const lines: string[] = [];
  let skipped = 0;
  for (const [i, { mark, line }] of marked.entries()) {
    const near = marked.slice(Math.max(0, i - context), i + context + 1).some((each) => each.mark !== " ");
    if (!near) {
      skipped++;
      continue;
    }
    if (skipped > 0) lines.push(`      ... ${skipped} more as recorded`);
    skipped = 0;
    lines.push(`    ${mark} ${line}`);
  }
  if (skipped > 0) lines.push(`      ... ${skipped} more as recorded`);
  return lines.join("\n");
}

interface Marked {
  readonly mark: " " | "-" | "+";
  readonly line: string;
}

/** Along a longest common subsequence. `lengths[i][j]`: its length from there on. */
function align(a: readonly string[], b: readonly string[]): Marked[] {
  const lengths = Array.from({ length: a.length + 1 }, () => Array.from({ length: b.length + 1 }, () => 0));
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      const row = lengths[i] as number[];
      row[j] = a[i] === b[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const marked: Marked[] = [];
  let [i, j] = [0, 0];
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) {
      marked.push({ mark: " ", line: a[i++] as string });
      j++;
    } else if (i < a.length && (j === b.length || at(i + 1, j) >= at(i, j + 1))) {
      marked.push({ mark: "-", line: a[i++] as string });
    } else {
      marked.push({ mark: "+", line: b[j++] as string });
    }
  }
  return marked;
}
