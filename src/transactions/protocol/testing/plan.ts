/** What an exhaustive run goes through: everything that can happen within these bounds, in every order. */
import type { Model, ModelVote } from "./model.ts";

/**
 * - `lossy`: nothing that was said is ever sure to arrive, and nothing is ever sure not to arrive once more. Each message
 *   may be taken at any time, in any order, never, or again. Timers may end at any time.
 * - `reliable`: each message arrives once, in any order, unless its sender or receiver crashes. Timers end for those
 *   only who wait for a process that was down, or is in another part of the network: the assumptions of 3PC.
 */
export type Network = "lossy" | "reliable";

export interface Plan {
  readonly name: string;
  readonly model: Model;
  readonly participants: number;
  /** Transactions that are begun, one after the other. */
  readonly transactions: number;
  readonly network: Network;
  /**
   * `slow`: a forced write takes time, in which anything may happen. `prompt`: nothing but a crash happens before it is
   * durable. Writes that are not forced take time in both.
   */
  readonly disks: "slow" | "prompt";
  /** Crashes altogether; null: any number. */
  readonly crashes: number | null;
  /** Who is down may come back at any time; false: never. */
  readonly returns: boolean;
  /** The network may part once, in any two parts, at any time, for ever. Only with `reliable`. */
  readonly parts: boolean;
  /** What resources may answer. */
  readonly votes: readonly ModelVote[];
  /** Keep the graph of states, for the questions of `progress.ts`. */
  readonly graph: boolean;
}
