/** A member that takes over from lower leaders never follows one. */
import { type BullyProperty, type ObservedBully, violated } from "./property.ts";

export class FollowsHigher implements BullyProperty {
  readonly name = "no one follows a lower member";
  readonly source = "Garcia-Molina 1982: a node that finds itself the highest forces the lower ones to follow";

  stepped(member: ObservedBully): void {
    const { id, leader } = member.now;
    if (!member.preempt || leader === 0n) return;
    if (member.ranking.outranks(id, leader)) violated(this, member, `follows ${leader.toString(16)}, which is lower`);
  }
}
