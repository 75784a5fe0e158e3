/**
 * Of members that have reached each other for a while, all follow the same one in the same generation, and that one
 * leads. Of those that take over from lower leaders none is higher than it; where all do, it is the highest.
 */
import { type BullyProperty, type ObservedBully, violated } from "./property.ts";

export class Agreement implements BullyProperty {
  readonly name = "all follow the highest when quiet";
  readonly source = "Garcia-Molina 1982, assertion 2; Coulouris et al., Distributed Systems (5th ed.) §15.3 (E2)";

  quiet(component: readonly ObservedBully[]): void {
    const [first] = component;
    if (first === undefined) return;
    const { leader, generation } = first.now;
    for (const member of component) {
      const { now } = member;
      if (now.leader === 0n) violated(this, member, "follows nobody");
      if (now.leader !== leader || now.generation !== generation) {
        violated(this, member, `follows another than ${first.now.id.toString(16)}`, { other: first.now });
      }
      if (member.preempt && member.ranking.outranks(now.id, leader)) {
        violated(this, member, `lets the lower ${leader.toString(16)} lead`);
      }
    }
    const led = component.find(({ now }) => now.id === leader);
    if (led === undefined) violated(this, first, `follows ${leader.toString(16)}, which is not there`);
    if (led.now.role !== "leader") violated(this, led, "is followed and does not lead");
  }
}
