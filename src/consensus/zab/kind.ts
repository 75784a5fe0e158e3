/** Zab among the protocols to choose from. */
import type { EngineKind } from "../engine-kind.ts";
import { genesis } from "./genesis.ts";
import { zabPeek } from "./peek.ts";
import { defaultLimits, type ZabLimits } from "./state.ts";
import { Zab } from "./zab.ts";

/** Zab with other limits than the usual ones: epochs that end soon show what happens at their end. */
export function zabWith(limits: ZabLimits): EngineKind {
  return {
    name: "zab",
    create: (options, start, now) => new Zab(options, start, now, limits),
    genesis,
    peek: zabPeek,
  };
}

export const zabKind: EngineKind = zabWith(defaultLimits);
