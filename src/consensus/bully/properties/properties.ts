/** All properties of the bully election, asked one after the other. */
import { Agreement } from "./agreement.ts";
import { FollowsHigher } from "./follows-higher.ts";
import { FollowsLeaders } from "./follows-leaders.ts";
import { GenerationGrows } from "./generation-grows.ts";
import { OneLeader } from "./one-leader.ts";
import type { BullyProperty, ObservedBully } from "./property.ts";

export class BullyProperties {
  readonly all: readonly BullyProperty[] = [
    new GenerationGrows(),
    new FollowsHigher(),
    new FollowsLeaders(),
    new OneLeader(),
    new Agreement(),
  ];

  stepped(member: ObservedBully): void {
    for (const property of this.all) property.stepped?.(member);
  }

  quiet(component: readonly ObservedBully[]): void {
    for (const property of this.all) property.quiet?.(component);
  }
}
