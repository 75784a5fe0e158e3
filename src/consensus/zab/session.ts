/**
 * The follower's end of a session: what has come of the stream that its host sends, and whether anything is missing.
 *
 * Zab takes channels for granted that lose nothing and keep the order. Ours may drop, double and reorder, so every message
 * of a session is counted. A gap costs a new session, begun from what this member has; it costs no election.
 */

export interface Stream {
  readonly session: number;
  /** The counter of the next message. */
  expected: number;
  /** Everything up to here equals the host's log. */
  match: number;
  /** A message is missing, or the base is not held: nothing counts until the next session. */
  broken: boolean;
}

/** What a message of the host is to the stream. */
export type Arrival = "first" | "next" | "duplicate" | "gap" | "outdated";

/** Where a message belongs. `stream` null: no session has begun in this life and epoch. */
export function place(stream: Stream | null, session: number, counter: number): Arrival {
  if (stream === null || session > stream.session) return counter === 0 ? "first" : "gap";
  if (session < stream.session) return "outdated";
  if (counter < stream.expected) return "duplicate";
  if (stream.broken) return "outdated";
  return counter === stream.expected ? "next" : "gap";
}
