/** What a seed stands for where defects are hunted: the first are the exhaustive runs, the others random lives. */
import { Explorer } from "./explorer.ts";
import { threePhasePlans, twoPhasePlans } from "./plans.ts";
import { endlessStates } from "./progress.ts";
import { runLife } from "./swarm.ts";

const plans = [...twoPhasePlans, ...threePhasePlans];

/** The property that does not hold, and how that shows; null: nothing is wrong. */
export function runProtocolSeed(seed: number): { readonly property: string; readonly message: string } | null {
  const plan = plans[seed - 1];
  if (plan === undefined) return runLife(seed).failure;
  const explorer = new Explorer(plan);
  const { violation, states } = explorer.run();
  if (violation !== null) {
    const { property, what, steps } = violation;
    return { property, message: `${what} (state ${states} of ${plan.name})\n${steps.join("\n")}` };
  }
  const [first] = plan.graph && plan.returns ? endlessStates(explorer) : [];
  if (first === undefined) return null;
  return { property: "comes to an end", message: `${plan.name}\n${explorer.storyOf(first).join("\n")}` };
}
