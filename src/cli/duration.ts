/** Durations as Go programs write them: `5s`, `1m30s`, `500ms`, `1.5h`. */

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds, or null if the text is no duration. Units: h, m, s, ms; each number may have a fraction. */
export function parseDuration(text: string): number | null {
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) return null;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
    total += Number(amount) * (unitMs[unit ?? ""] ?? Number.NaN);
  }
  return Number.isFinite(total) ? total : null;
}

/** The shortest usual way to write it: `1m30s`, `5s`, `250ms`. Fractions of a millisecond keep three digits. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${trimFraction(ms)}ms`;
  const hours = Math.floor(ms / 3_600_000);
  const minutes = Math.floor((ms % 3_600_000) / 60_000);
  const seconds = (ms % 60_000) / 1000;
  const parts = [hours > 0 ? `${hours}h` : "", minutes > 0 ? `${minutes}m` : ""];
  if (seconds > 0 || (hours === 0 && minutes === 0)) parts.push(`${trimFraction(seconds)}s`);
  return parts.join("");
}

function trimFraction(value: number): string {
  return String(Number(value.toFixed(3)));
}
