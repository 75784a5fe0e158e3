/** Of members that have reached each other for a while, at most one leads. */
import { type BullyProperty, type ObservedBully, violated } from "./property.ts";

export class OneLeader implements BullyProperty {
  readonly name = "one leader when quiet";
  readonly source = "Garcia-Molina 1982, assertion 1, which holds only while messages are delivered in bounded time";

  quiet(component: readonly ObservedBully[]): void {
    const [first, second] = component.filter(({ now }) => now.role === "leader");
    if (first !== undefined && second !== undefined) {
      violated(this, second, `leads beside ${first.now.id.toString(16)}`, { other: first.now });
    }
  }
}
