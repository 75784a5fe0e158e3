/**
 * What competitors and the referee say to each other: one JSON value a line.
 *
 * Times are nanoseconds of the machine's monotonic clock (`process.hrtime`), which all processes share and which goes on
 * while one is stopped: that of two processes can be compared.
 */

/** What is competed for, with how much of it there is. Who writes the book takes all of it, a reader takes 1. */
export const LIMITS = { lock: 1, book: 1_000, permits: 3, office: 1 } as const;

export type Domain = keyof typeof LIMITS;

/** A way to use something: each competitor does all of these at once. */
export const USES = ["lock", "read", "write", "permits", "office", "plain", "high-rate"] as const;

export type Use = (typeof USES)[number];

export type CounterKind = "plain" | "high-rate";

/** What became of an add, as its caller was told: surely made, surely not, or nobody knows. */
export type Fate = "made" | "not made" | "unknown";

/** Something that a competitor got. */
export interface Grant {
  readonly domain: Domain;
  /** Of this grant alone: `c3#17`. */
  readonly grant: string;
  readonly fence: number;
  readonly weight: number;
}

/** Of a competitor to the referee. `call` numbers what wants an answer. */
export type Said =
  | { readonly say: "hello"; readonly name: string }
  /** `at` was read before it was looked whether it is held, and it was. */
  | ({ readonly say: "held"; readonly at: number } & Grant)
  /** Writes without a look at whether it is held still. Answer: whether it was taken. */
  | ({ readonly say: "write"; readonly call: number } & Grant)
  /** Is about to add. Answer: the add's number. */
  | { readonly say: "add"; readonly call: number; readonly kind: CounterKind }
  | { readonly say: "added"; readonly kind: CounterKind; readonly number: number; readonly fate: Fate }
  /** A guarded write was made at a revision. */
  | { readonly say: "guarded"; readonly fence: number; readonly revision: number }
  /** A guarded write was refused. */
  | { readonly say: "fenced" }
  /** Has used it from beginning to end. */
  | { readonly say: "used"; readonly use: Use }
  /** Something happened that never should. */
  | { readonly say: "broken"; readonly message: string };

/** Of the referee to a competitor. */
export type Told =
  | { readonly tell: "answer"; readonly call: number; readonly answer: number | boolean }
  | { readonly tell: "stop" };

/** Cuts what comes on a stream into lines, and gives each one's value. */
export function lines(handle: (value: unknown) => void): (text: string) => void {
  let rest = "";
  return (text) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop() ?? "";
    for (const part of parts) handle(JSON.parse(part));
  };
}
