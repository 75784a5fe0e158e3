/**
 * Tells the cluster this member's name and client addresses, through the log, once it takes part; until then it counts
 * as not started. Repeated until it worked, and again when the addresses were changed at a restart.
 */
import type { Clock } from "../environment.ts";
import { encodeCommand } from "../keyspace/command.ts";
import type { Replica } from "../replica/face.ts";

const AGAIN_MS = 500;

/** Returns the way to stop. */
export function publish(
  replica: Replica,
  clock: Clock,
  attributes: { readonly name: string; readonly clientUrls: readonly string[] },
): () => void {
  let stopped = false;
  const { name, clientUrls } = attributes;
  const command = encodeCommand({ type: "memberAttributes", id: replica.memberId, name, clientUrls });
  const attempt = (): void => {
    if (stopped) return;
    const member = replica.keyspace.members.get(replica.memberId);
    const known = member !== null && member.name === name && member.clientUrls.join() === clientUrls.join();
    // A member that is not in the list yet still waits for the entry that adds it.
    if (known) return;
    if (member === null || replica.status().engine.leader === 0n) return void clock.after(AGAIN_MS, attempt);
    replica.propose(command, () => clock.after(AGAIN_MS, attempt));
  };
  attempt();
  return () => {
    stopped = true;
  };
}
