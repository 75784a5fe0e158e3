/**
 * Changes of the cluster's members, on the leader: checked against the state of the cluster, proposed as one entry, and
 * answered when that entry is applied. The engine takes one at a time.
 */
import type { Status } from "../consensus/engine.ts";
import type { MemberId, Random } from "../environment.ts";
import { assert, type QuorateError } from "../errors.ts";
import { etcdErrors } from "../keyspace/etcd-errors.ts";
import { encodeMemberContext, type Member, type MemberRegistry } from "../keyspace/members.ts";
import type { MemberChange, MemberChanged } from "./face.ts";
import { peerAddress } from "./peers.ts";
import type { Reconfiguration } from "./reconfigurations.ts";

/** Learners a cluster may have at once, as in etcd. */
export const MAX_LEARNERS = 1;
/** A learner may be promoted when it has at least this part of the leader's log. */
const READY = 0.9;

export interface MembershipPorts {
  readonly random: Random;
  readonly status: () => Status;
  readonly members: () => MemberRegistry;
  /** Refuse changes that would leave the cluster without a working majority. */
  readonly strict: boolean;
  /** `plan` is called when the change's turn has come. `done`: it is applied, or refused, or its fate is unknown. */
  readonly reconfigure: (plan: () => Reconfiguration, done: (error: QuorateError | null) => void) => void;
}

export function changeMembership(change: MemberChange, ports: MembershipPorts): Promise<MemberChanged> {
  return new Promise((resolve, reject) => {
    let planned: Member | null = null;
    const plan = (): Reconfiguration => {
      const made = planChange(change, ports.members().list(), ports);
      planned = made.member;
      return made;
    };
    ports.reconfigure(plan, (error) => {
      if (error !== null) return reject(error);
      const after = ports.members().list();
      assert(planned !== null, "a change was applied that was never planned");
      const member: Member = planned;
      resolve({ member: after.find(({ id }) => id === member.id) ?? member, members: after });
    });
  });
}

interface Plan extends Reconfiguration {
  readonly member: Member;
}

function planChange(change: MemberChange, members: readonly Member[], ports: MembershipPorts): Plan {
  switch (change.type) {
    case "add": {
      if (change.peerUrls.length === 0 || !change.peerUrls.every(isPeerUrl)) throw etcdErrors.badMemberUrls();
      const taken = new Set(members.flatMap(({ peerUrls }) => peerUrls));
      if (change.peerUrls.some((url) => taken.has(url))) throw etcdErrors.peerUrlExists();
      if (change.learner) {
        if (members.filter(({ isLearner }) => isLearner).length >= MAX_LEARNERS) throw etcdErrors.tooManyLearners();
      } else if (ports.strict) {
        requireStarted(members, 1, { changed: null, status: ports.status() });
        requireHealthy(ports.status());
      }
      const id = unusedId(ports);
      const member = { id, name: "", peerUrls: [...change.peerUrls], clientUrls: [], isLearner: change.learner };
      const role = change.learner ? "learner" : "voter";
      return {
        change: { set: [{ id, role }], remove: [] },
        context: encodeMemberContext({ op: "add", member }),
        member,
      };
    }
    case "remove": {
      const member = find(change.id, members);
      if (ports.strict && !member.isLearner) {
        requireStarted(members, -1, { changed: member, status: ports.status() });
        requireReachableWithout(member.id, ports.status());
      }
      return {
        change: { set: [], remove: [member.id] },
        context: encodeMemberContext({ op: "remove", id: member.id }),
        member,
      };
    }
    case "promote": {
      const member = find(change.id, members);
      if (!member.isLearner) throw etcdErrors.notLearner();
      const status = ports.status();
      const progress = status.peers.get(member.id);
      if (progress === undefined || progress.match < status.commit * READY || progress.match === 0) {
        throw etcdErrors.learnerNotReady();
      }
      if (ports.strict) requireStarted(members, 1, { changed: member, status });
      const context = encodeMemberContext({ op: "promote", id: member.id });
      return { change: { set: [{ id: member.id, role: "voter" }], remove: [] }, context, member };
    }
  }
}

function isPeerUrl(url: string): boolean {
  try {
    peerAddress(url);
    return true;
  } catch {
    return false;
  }
}

function find(id: MemberId, members: readonly Member[]): Member {
  const member = members.find((one) => one.id === id);
  if (member === undefined) throw etcdErrors.memberNotFound();
  return member;
}

/** How many of so many voters must be there for the group to get on: to elect a leader, and to commit. */
function needed(voters: number, { phase2Quorum }: Status): number {
  const majority = Math.floor(voters / 2) + 1;
  if (phase2Quorum === undefined) return majority;
  const accepting = Math.min(phase2Quorum, voters);
  return Math.max(majority, accepting, voters - accepting + 1);
}

/**
 * After the change, the voters that have ever started must still be enough. A first second member is free; a learner that
 * is promoted has caught up, so it has started.
 */
function requireStarted(
  members: readonly Member[],
  voters: 1 | -1,
  { changed, status }: { readonly changed: Member | null; readonly status: Status },
): void {
  const without = voters === -1 ? changed : null;
  const before = members.filter(({ isLearner }) => !isLearner);
  const promoted = voters === 1 && changed !== null ? 1 : 0;
  const started = promoted + before.filter((member) => member.name !== "" && member !== without).length;
  const after = before.length + voters;
  if (voters === 1 && before.length === 1 && started === 1) return;
  if (voters === -1 && without !== null && without.name === "") return;
  if (started < needed(after, status)) throw etcdErrors.notEnoughStartedMembers();
}

/** Whether the voter answers, and counts in quorums: one that may have lost what it acknowledged does not. */
function isSound(id: MemberId, status: Status): boolean {
  if (id === status.id) return true;
  const peer = status.peers.get(id);
  return peer !== undefined && peer.active && !peer.untrusted;
}

/** A new voter that has not started counts as down: all others should be there. */
function requireHealthy(status: Status): void {
  if (!status.membership.voters.every((id) => isSound(id, status))) throw etcdErrors.unhealthy();
}

/** Of those that stay so many must answer that they get on: without them, not even the removal could be made good. */
function requireReachableWithout(removed: MemberId, status: Status): void {
  const stay = status.membership.voters.filter((id) => id !== removed);
  if (stay.length === 0) throw etcdErrors.notEnoughStartedMembers();
  const sound = stay.filter((id) => isSound(id, status)).length;
  if (sound < needed(stay.length, status)) throw etcdErrors.unhealthy();
}

function unusedId({ random, members }: MembershipPorts): MemberId {
  for (let attempt = 0; attempt < 100; attempt++) {
    const id = random.uint64();
    if (id !== 0n && members().get(id) === null && !members().wasRemoved(id)) return id;
  }
  assert(false, "the random source gave no unused member id in 100 draws");
}
