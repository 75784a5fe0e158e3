import type { Hold } from "../../coordination/hold.ts";
import { follow } from "../../kv/follow.ts";

/**
 * Resolves when somebody has deleted the key of what is held, which a hold does not notice by itself: an administrator
 * who ends it, `lease revoke` included.
 *
 * @param signal gives it up: then it never resolves
 */
export async function evicted(hold: Hold, signal: AbortSignal): Promise<void> {
  const { key, session } = hold;
  for await (const { kvs } of follow(session.store, { key, rangeEnd: "" }, { signal })) {
    if (kvs.get(key)?.createRevision !== Number(hold.fence)) return;
  }
  return new Promise(() => undefined);
}
