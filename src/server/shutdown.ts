/** How a member ends in good order: who is told first, and who must not wait for whom. */
import type { Clock, Logger } from "../environment.ts";
import type { GroupReplica } from "../replica/replica.ts";
import type { Storage } from "../storage/storage.ts";
import type { PeerTransport } from "../transport/links.ts";
import type { RunningServer } from "./server.ts";

/** How long a leader waits for a successor before it stops anyway. */
const HAND_OVER_MS = 3_000;

export interface MemberParts {
  readonly server: Pick<RunningServer, "close">;
  readonly replica: Pick<GroupReplica, "stop">;
  readonly transport: Pick<PeerTransport, "close">;
  readonly storage: Pick<Storage, "finish" | "close">;
}

/** Lets another member take over first if this one leads, so that nobody has to notice its absence. */
export async function handOver(
  replica: Pick<GroupReplica, "status" | "transferLeadership">,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): Promise<void> {
  const { engine } = replica.status();
  if (engine.role !== "leader" || engine.membership.voters.length < 2) return;
  const late = new Promise<void>((resolve) => clock.after(HAND_OVER_MS, resolve));
  const handedOver = replica
    .transferLeadership(0n)
    .catch((error: unknown) =>
      logger.warn({ error: String(error) }, `could not hand leadership over: ${String(error)}`),
    );
  await Promise.race([handedOver, late]);
}

export async function shutDown({ server, replica, transport, storage }: MemberParts): Promise<void> {
  await server.close();
  await stopReplica(replica, storage);
  await transport.close();
  await storage.close();
}

/**
 * From the call on the replica writes nothing more to the log. It waits for snapshots under way, which wait for the log,
 * which on a full disk waits until it is told that this is the end: so both are told at once.
 */
export async function stopReplica(
  replica: Pick<GroupReplica, "stop">,
  storage: Pick<Storage, "finish">,
): Promise<void> {
  await Promise.all([replica.stop(), storage.finish()]);
}
