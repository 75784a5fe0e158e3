/**
 * Who takes part in a group's decisions: a value type with joint majorities (Raft thesis §4.3), shared by all engines.
 *
 * While a change is under way two sets of voters exist and a decision needs a majority of each. An empty second set
 * counts as agreed, so that no caller has a special case.
 */
import type { MemberId } from "../environment.ts";
import { ByteReader, ByteWriter, DecodeError } from "./bytes.ts";

export interface Membership {
  /** The voters, or, in a joint membership, the incoming ones. Sorted, without duplicates. */
  readonly voters: readonly MemberId[];
  /** The outgoing voters of a joint membership; empty otherwise. */
  readonly outgoing: readonly MemberId[];
  /** Receive the log, do not vote. */
  readonly learners: readonly MemberId[];
  /** Voters of `outgoing` only that become learners when the joint membership is left. */
  readonly learnersNext: readonly MemberId[];
}

export type MemberRole = "voter" | "learner";

/**
 * A wish, in terms of single members: the engine turns it into one or two memberships (joint when more than one voter
 * changes). Setting a member to the role it has is no error and changes nothing.
 */
export interface MembershipChange {
  readonly set: readonly { readonly id: MemberId; readonly role: MemberRole }[];
  readonly remove: readonly MemberId[];
}

export const emptyMembership: Membership = { voters: [], outgoing: [], learners: [], learnersNext: [] };

/** The most members one membership may name in any of its lists: a limit for decoders, far above sensible sizes. */
export const maxMembers = 1024;

/** Orders member ids, for the sorted lists of a membership. */
export const ascending = (a: MemberId, b: MemberId): number => (a < b ? -1 : a > b ? 1 : 0);

/** A membership that is not joint, from ids in any order. Throws what `membershipFault` finds. */
export function createMembership(voters: Iterable<MemberId>, learners: Iterable<MemberId> = []): Membership {
  const membership = {
    voters: [...voters].sort(ascending),
    outgoing: [],
    learners: [...learners].sort(ascending),
    learnersNext: [],
  };
  const fault = membershipFault(membership);
  if (fault !== null) throw new RangeError(fault);
  return membership;
}

/** Whether two voter sets are in force. */
export function isJoint(membership: Membership): boolean {
  return membership.outgoing.length > 0;
}

/** Whether the member votes, in either set. */
export function isVoter(membership: Membership, id: MemberId): boolean {
  return membership.voters.includes(id) || membership.outgoing.includes(id);
}

/** Whether the member takes part at all. */
export function isMember(membership: Membership, id: MemberId): boolean {
  return isVoter(membership, id) || membership.learners.includes(id);
}

/** Everyone who receives the log: voters of both sets and learners, sorted. */
export function allMembers(membership: Membership): MemberId[] {
  const ids = new Set([...membership.voters, ...membership.outgoing, ...membership.learners]);
  return [...ids].sort(ascending);
}

/** Voters of both sets, sorted. */
export function allVoters(membership: Membership): MemberId[] {
  return [...new Set([...membership.voters, ...membership.outgoing])].sort(ascending);
}

export function sameMembership(a: Membership, b: Membership): boolean {
  return (
    sameIds(a.voters, b.voters) &&
    sameIds(a.outgoing, b.outgoing) &&
    sameIds(a.learners, b.learners) &&
    sameIds(a.learnersNext, b.learnersNext)
  );
}

function sameIds(a: readonly MemberId[], b: readonly MemberId[]): boolean {
  return a.length === b.length && a.every((id, i) => id === b[i]);
}

/** The smallest number of members that is more than half of `size`. */
export function majority(size: number): number {
  return Math.floor(size / 2) + 1;
}

function majorityAgrees(ids: readonly MemberId[], agrees: (id: MemberId) => boolean): boolean {
  if (ids.length === 0) return true;
  let count = 0;
  for (const id of ids) if (agrees(id)) count++;
  return count >= majority(ids.length);
}

/** Whether the members that agree are a majority of each set of voters. */
export function hasQuorum(membership: Membership, agrees: (id: MemberId) => boolean): boolean {
  return majorityAgrees(membership.voters, agrees) && majorityAgrees(membership.outgoing, agrees);
}

/** Votes so far: agreed, agreement no longer possible, or open. `vote` gives null for who has not answered. */
export function voteOutcome(
  membership: Membership,
  vote: (id: MemberId) => boolean | null,
): "won" | "lost" | "pending" {
  if (hasQuorum(membership, (id) => vote(id) === true)) return "won";
  return hasQuorum(membership, (id) => vote(id) !== false) ? "pending" : "lost";
}

/**
 * The highest number that a quorum has reached, if each voter has reached `reached(id)`. Counted anew on each call: a
 * remembered order is how a quorum too small once committed an entry (openraft#1802).
 * An empty membership gives Infinity.
 */
export function quorumReached(membership: Membership, reached: (id: MemberId) => number): number {
  return Math.min(majorityReached(membership.voters, reached), majorityReached(membership.outgoing, reached));
}

function majorityReached(ids: readonly MemberId[], reached: (id: MemberId) => number): number {
  if (ids.length === 0) return Number.POSITIVE_INFINITY;
  const values: number[] = [];
  for (const id of ids) {
    // Insertion sort, descending: memberships have a handful of voters.
    const value = reached(id);
    let at = values.length;
    values.push(value);
    while (at > 0 && (values[at - 1] as number) < value) {
      values[at] = values[at - 1] as number;
      at--;
    }
    values[at] = value;
  }
  return values[majority(ids.length) - 1] as number;
}

/** What is wrong with a membership that is to take effect, in words, or null. The empty one is faulty. */
export function membershipFault(membership: Membership): string | null {
  const { voters, outgoing, learners, learnersNext } = membership;
  if (voters.length === 0) return "no voter would be left: name at least one member as voter";
  for (const ids of [voters, outgoing, learners, learnersNext]) {
    if (ids.length > maxMembers) return `${ids.length} members in one list: at most ${maxMembers} are possible`;
    for (const [i, id] of ids.entries()) {
      if (id <= 0n || id >= 1n << 64n) return `member id ${id} is not from 1 to 2^64-1`;
      const before = ids[i - 1];
      if (before !== undefined && before >= id) return `member ${id} is listed twice, or the list is not sorted`;
    }
  }
  for (const id of learners) {
    if (voters.includes(id) || outgoing.includes(id)) return `member ${id} is both a voter and a learner`;
  }
  for (const id of learnersNext) {
    if (!outgoing.includes(id) || voters.includes(id)) {
      return `member ${id} cannot become a learner afterwards: it is not only an outgoing voter`;
    }
  }
  return null;
}

/** For log lines: `voters 1,2,3 outgoing 4 learners 5`, ids in hexadecimal. */
export function describeMembership(membership: Membership): string {
  const list = (name: string, ids: readonly MemberId[]): string =>
    ids.length === 0 ? "" : ` ${name} ${ids.map((id) => id.toString(16)).join(",")}`;
  if (membership.voters.length === 0) return "nobody";
  return `voters ${membership.voters.map((id) => id.toString(16)).join(",")}${list("outgoing", membership.outgoing)}${list(
    "learners",
    membership.learners,
  )}${list("then learners", membership.learnersNext)}`;
}

/*
 * As bytes, for the log, for snapshots and for the wire (little endian):
 *
 *     membership = version u8 (1) | 4 x count u16 | ids u64, list after list: voters, outgoing, learners, learnersNext
 *     entry data = length of membership u32 | membership | context, to the end
 */
const version = 1;

/** What a membership entry carries: the membership that takes effect, and words for the state machine about it. */
export interface MembershipEntry {
  readonly membership: Membership;
  /** Opaque to the engine: names and addresses. Empty for the second half of a joint change. */
  readonly context: Uint8Array;
}

function listsOf(membership: Membership): (readonly bigint[])[] {
  return [membership.voters, membership.outgoing, membership.learners, membership.learnersNext];
}

function encodedSize(membership: Membership): number {
  return 9 + 8 * listsOf(membership).reduce((sum, ids) => sum + ids.length, 0);
}

function writeMembership(writer: ByteWriter, membership: Membership): void {
  const lists = listsOf(membership);
  writer.u8(version);
  for (const ids of lists) writer.u16(ids.length);
  for (const ids of lists) for (const id of ids) writer.memberId(id);
}

export function encodeMembership(membership: Membership): Uint8Array {
  const writer = new ByteWriter(encodedSize(membership));
  writeMembership(writer, membership);
  return writer.finish();
}

/** @throws DecodeError if the bytes are no membership; the empty one (a member that has not joined yet) is allowed. */
export function decodeMembership(bytes: Uint8Array): Membership {
  const reader = new ByteReader(bytes);
  const found = reader.u8();
  if (found !== version) throw new DecodeError(`membership version ${found} is not known, only ${version}`);
  const counts = [reader.u16(), reader.u16(), reader.u16(), reader.u16()];
  const lists = counts.map((count) => {
    if (count > maxMembers) throw new DecodeError(`${count} members in one list, at most ${maxMembers} are possible`);
    return Array.from({ length: count }, () => reader.memberId());
  });
  reader.end();
  const [voters = [], outgoing = [], learners = [], learnersNext = []] = lists;
  if (lists.every((ids) => ids.length === 0)) return emptyMembership;
  const membership = { voters, outgoing, learners, learnersNext };
  const fault = membershipFault(membership);
  if (fault !== null) throw new DecodeError(fault);
  return membership;
}

/** The data of an entry of kind `membership`. */
export function encodeMembershipEntry(entry: MembershipEntry): Uint8Array {
  const size = encodedSize(entry.membership);
  const writer = new ByteWriter(4 + size + entry.context.length);
  writer.u32(size);
  writeMembership(writer, entry.membership);
  writer.raw(entry.context);
  return writer.finish();
}

/** @throws DecodeError if the data is no membership entry, or its membership is empty. `context` is a view. */
export function decodeMembershipEntry(data: Uint8Array): MembershipEntry {
  const reader = new ByteReader(data);
  const membership = decodeMembership(reader.raw(reader.u32()));
  if (membership.voters.length === 0) throw new DecodeError("a membership entry names no voter");
  return { membership, context: reader.raw(reader.left) };
}
