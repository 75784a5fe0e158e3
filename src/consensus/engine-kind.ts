import type { EngineFactory, Genesis } from "./engine.ts";
import type { Membership } from "./membership.ts";
import type { EnginePeek } from "./peek.ts";

/** A protocol: how its engines are made, what a founding member's disk begins with, how checks look into its bytes. */
export interface EngineKind {
  readonly name: string;
  readonly create: EngineFactory;
  readonly genesis: (membership: Membership, context: Uint8Array) => Genesis;
  readonly peek: EnginePeek;
  /** It can work with `EngineOptions.flexibleQuorum`. */
  readonly flexibleQuorums?: boolean;
}
