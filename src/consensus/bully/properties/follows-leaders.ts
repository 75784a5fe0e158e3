/** Nobody is followed in a generation that it has not led: leaderships are not made up out of old messages. */
import { type BullyProperty, type ObservedBully, violated } from "./property.ts";

export class FollowsLeaders implements BullyProperty {
  readonly name = "only leaders are followed";
  readonly source = "validity, as in leader election of Coulouris et al., Distributed Systems (5th ed.) §15.3 (E1)";
  /** Leaderships that there were, as `id@generation`. */
  readonly #led = new Set<string>();

  stepped(member: ObservedBully): void {
    const { id, role, leader, generation } = member.now;
    const leadership = `${leader.toString(16)}@${generation}`;
    if (role === "leader") {
      if (leader !== id) violated(this, member, `leads and follows ${leader.toString(16)}`);
      this.#led.add(leadership);
    } else if (leader !== 0n && !this.#led.has(leadership)) {
      violated(this, member, `follows ${leadership}, which never led`);
    }
  }
}
