/** Where a defect is hunted: what a seed stands for there. */
import { type Defect, type Level, levelOf } from "./defect.ts";
import type { HabitatName } from "./habitats.ts";

export interface Ground {
  readonly level: Level;
  readonly habitat: HabitatName;
  /** Name in `src/consensus/engines.ts`. */
  readonly engine: string;
}

export interface GroundWish {
  /** Absent: where the defect shows soonest. */
  readonly level?: Level | null;
  /** Plans as they are drawn, whatever habitat the defect has. */
  readonly wild?: boolean;
}

/** @param anyEngine what runs for a defect that any protocol shows. */
export function homeOf(defect: Defect, anyEngine: string, { level = null, wild = false }: GroundWish = {}): Ground {
  const at = level ?? levelOf(defect);
  const habitat = wild || at !== "cluster" ? "any life" : (defect.habitat ?? "any life");
  return { level: at, habitat, engine: defect.engine === "any" ? anyEngine : defect.engine };
}

export function describeGround({ level, habitat }: Ground): string {
  if (level === "protocol") return "commit protocols";
  return level === "engine" ? "bare engines" : habitat;
}
