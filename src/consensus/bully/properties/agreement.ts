/**
 * Of members that have reached each other for a while, all follow the same one in the same generation, and that one
 * leads. If any of them takes over from lower leaders, it is not higher than the leader; if all do, the highest leads.
 */
import type { Ranking } from "../members.ts";
import { type BullyProperty, highestOf, type ObservedBully, violated } from "./property.ts";

export class Agreement implements BullyProperty {
  readonly name = "all follow the highest when quiet";
  readonly source = "Garcia-Molina 1982, assertion 2; Coulouris et al., Distributed Systems §15.3 (E2)";

  quiet(component: readonly ObservedBully[], ranking: Ranking): void {
    const [first] = component;
    if (first === undefined) return;
    const { leader, generation } = first.now;
    const highest = highestOf(component, ranking);
    for (const member of component) {
      const { now } = member;
      if (now.leader === 0n) violated(this, member, "follows nobody");
      if (now.leader !== leader || now.generation !== generation) {
        violated(this, member, `follows another than ${first.now.id.toString(16)}`, { other: first.now });
      }
      if (member.preempt && ranking.outranks(now.id, leader)) {
        violated(this, member, `lets the lower ${leader.toString(16)} lead`);
      }
    }
    const led = component.find(({ now }) => now.id === leader);
    if (led === undefined) violated(this, first, `follows ${leader.toString(16)}, which is not there`);
    if (led.now.role !== "leader") violated(this, led, "is followed and does not lead");
    if (component.every(({ preempt }) => preempt) && leader !== highest) {
      violated(this, led, `leads, and ${highest.toString(16)} is higher`);
    }
  }
}
