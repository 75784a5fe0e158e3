/** What must be true of all programs that use recipes. One property a file; pure functions, as the other checkers. */
import type { RecipeChecker } from "../../recipes/history.ts";
import { barriers } from "./barriers.ts";
import { exactlyOnce } from "./exactly-once.ts";
import { exclusion } from "./exclusion.ts";
import { fairness } from "./fairness.ts";
import { fencedWrites } from "./fenced-writes.ts";
import { fences } from "./fences.ts";
import { guardedWrites } from "./guarded-writes.ts";
import { highestLeads } from "./highest-leads.ts";
import { toldInTime } from "./told-in-time.ts";
import { uniqueIds } from "./unique-ids.ts";

export const recipeCheckers: readonly RecipeChecker[] = [
  exclusion,
  toldInTime,
  fairness,
  fences,
  fencedWrites,
  guardedWrites,
  exactlyOnce,
  uniqueIds,
  barriers,
  highestLeads,
];
