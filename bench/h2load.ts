/** One run of h2load, and what it printed as numbers. */
import { output } from "../test/support/programs.ts";

export interface Rung {
  readonly connections: number;
  /** Requests on their way at once on each connection. */
  readonly streams: number;
}

export interface Measured {
  readonly perSecond: number;
  readonly meanMs: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** `50x1`: connections and streams on each. */
export function nameOf({ connections, streams }: Rung): string {
  return `${connections}x${streams}`;
}

/** Loads `endpoint` (host:port) for `seconds` after one second of warm-up. */
export async function h2load(
  endpoint: string,
  rung: Rung,
  payload: { readonly file: string; readonly path: string },
  seconds: number,
): Promise<Measured> {
  const text = await output(
    "h2load",
    [
      "-c",
      String(rung.connections),
      "-m",
      String(rung.streams),
      "-D",
      String(seconds),
      "--warm-up-time=1",
      "-H",
      "content-type: application/grpc",
      "-H",
      "te: trailers",
      "-d",
      payload.file,
      `http://${endpoint}${payload.path}`,
    ],
    { timeoutMs: (seconds + 60) * 1000 },
  );
  return parse(text);
}

/** The lines that matter look like `finished in 5.00s, 1621.20 req/s, ...` and `time for request: 300us 9ms 617us ...`. */
export function parse(text: string): Measured {
  const perSecond = /finished in [^,]+, ([\d.]+) req\/s/.exec(text)?.[1];
  const counts = /(\d+) succeeded, (\d+) failed/.exec(text);
  const times = /^time for request: +\S+ +\S+ +(\S+)/m.exec(text)?.[1];
  if (perSecond === undefined || counts === null || times === undefined) {
    throw new Error(`h2load printed nothing that can be read:\n${text}`);
  }
  return {
    perSecond: Number(perSecond),
    meanMs: milliseconds(times),
    succeeded: Number(counts[1]),
    failed: Number(counts[2]),
  };
}

/** h2load's `617us`, `1.20ms` or `2.03s`. */
function milliseconds(text: string): number {
  const [, number, unit] = /^([\d.]+)(us|ms|s)$/.exec(text) ?? [];
  const factor = { us: 0.001, ms: 1, s: 1000 }[unit ?? ""];
  if (number === undefined || factor === undefined) throw new Error(`h2load printed "${text}" where a time was due`);
  return Number(number) * factor;
}
