/** In the life of a member no generation ever falls, neither the one it follows nor the highest it has heard of. */
import { type BullyProperty, type ObservedBully, violated } from "./property.ts";

export class GenerationGrows implements BullyProperty {
  readonly name = "generations only grow";
  readonly source = "group numbers of the invitation algorithm, Garcia-Molina 1982; terms, Raft §5.1";

  stepped(member: ObservedBully): void {
    const { before, now } = member;
    if (now.generation < before.generation) {
      violated(this, member, `follows generation ${now.generation} after ${before.generation}`);
    }
    if (now.latestGeneration < before.latestGeneration) {
      violated(this, member, `forgot generation ${before.latestGeneration}`);
    }
    if (now.leader !== 0n && now.leader !== before.leader && now.generation < before.latestGeneration) {
      violated(this, member, `follows generation ${now.generation}, it had heard of ${before.latestGeneration}`);
    }
  }
}
