/** A membership in the header of a snapshot: four lists, each a count (32 bits) and ids (64 bits). */
import type { Membership } from "../consensus/membership.ts";
import type { MemberId } from "../environment.ts";

export function encodeMembers(membership: Membership): Buffer {
  const lists = [membership.voters, membership.outgoing, membership.learners, membership.learnersNext];
  const bytes = Buffer.alloc(lists.reduce((sum, list) => sum + 4 + 8 * list.length, 0));
  let at = 0;
  for (const list of lists) {
    at = bytes.writeUInt32LE(list.length, at);
    for (const id of list) at = bytes.writeBigUInt64LE(id, at);
  }
  return bytes;
}

/** Null if the bytes are no membership. */
export function decodeMembers(bytes: Buffer): Membership | null {
  const lists: MemberId[][] = [];
  let at = 0;
  for (let list = 0; list < 4; list++) {
    if (at + 4 > bytes.length) return null;
    const count = bytes.readUInt32LE(at);
    at += 4;
    if (at + 8 * count > bytes.length) return null;
    const ids: MemberId[] = [];
    for (let id = 0; id < count; id++, at += 8) ids.push(bytes.readBigUInt64LE(at));
    lists.push(ids);
  }
  const [voters, outgoing, learners, learnersNext] = lists;
  if (at !== bytes.length || !voters || !outgoing || !learners || !learnersNext) return null;
  return { voters, outgoing, learners, learnersNext };
}
