import { status } from "../../wire/methods.ts";
import type { Channel } from "../channel.ts";

/**
 * Whether a member's word on how far a watch stream has come is true for every watch of it.
 *
 * etcd before 3.4.25 and 3.5.8 answers at once, past changes that still wait to be sent (etcd issue 15220): who resumes
 * from that number loses them. By the version in the member's status, the only sign there is.
 */
export async function tellsProgressInOrder(channel: Channel, token: string, timeoutMs: number): Promise<boolean> {
  const metadata = token === "" ? {} : { authorization: token };
  const { version } = await channel.call(status, {}, { timeoutMs, metadata });
  return isInOrder(version);
}

/** @param version such as `3.5.21`, or with a suffix, `3.6.0-rc.1` */
export function isInOrder(version: string): boolean {
  const match = /^(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  const [major = 0, minor = 0, patch = 0] = match.slice(1).map(Number);
  if (major !== 3) return major > 3;
  if (minor === 4) return patch >= 25;
  if (minor === 5) return patch >= 8;
  return minor > 5;
}
