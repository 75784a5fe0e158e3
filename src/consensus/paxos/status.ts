/** What an engine tells about itself. */
import type { MemberId } from "../../environment.ts";
import type { PeerProgress, Role, Status } from "../engine.ts";
import type { Membership } from "../membership.ts";
import type { PaxosState } from "./state.ts";

/** The peers are looked up only when asked for: an owner reads its role many times a turn. */
export class PaxosStatus implements Status {
  readonly id: MemberId;
  readonly role: Role;
  readonly leader: MemberId;
  readonly epoch: number;
  readonly commit: number;
  readonly applied: number;
  readonly lastIndex: number;
  readonly durableIndex: number;
  readonly firstIndex: number;
  readonly membership: Membership;
  readonly phase2Quorum: number | undefined;
  readonly settled: boolean;
  readonly transferee: MemberId;
  readonly untrusted: boolean;
  readonly diskStalled: boolean;
  readonly droppedMessages: number;
  readonly #state: PaxosState;
  #peers: ReadonlyMap<MemberId, PeerProgress> | null = null;

  constructor(s: PaxosState) {
    this.#state = s;
    this.id = s.id;
    this.role = s.role;
    this.leader = s.leader;
    this.epoch = s.epoch;
    this.commit = s.decided;
    this.applied = s.applied;
    this.lastIndex = s.log.lastIndex;
    this.durableIndex = s.writes.durableIndex;
    this.firstIndex = s.log.firstIndex;
    this.membership = s.membership;
    this.phase2Quorum = s.options.flexibleQuorum?.phase2;
    this.settled = s.settled;
    this.transferee = s.transferee;
    this.untrusted = s.untrusted;
    this.diskStalled = s.diskStalled;
    this.droppedMessages = s.dropped;
  }

  get peers(): ReadonlyMap<MemberId, PeerProgress> {
    this.#peers ??= peersOf(this.#state);
    return this.#peers;
  }
}

function peersOf(s: PaxosState): ReadonlyMap<MemberId, PeerProgress> {
  const peers = new Map<MemberId, PeerProgress>();
  for (const p of s.lead?.progress.values() ?? []) {
    if (p.departing !== null) continue;
    const { learner, state, match, next, inflightMessages, inflightBytes, lostData, untrusted } = p;
    const active = p.incarnation !== 0 && p.lastHeard >= s.now - s.options.electionTimeoutMs;
    peers.set(p.id, { learner, state, match, next, inflightMessages, inflightBytes, active, lostData, untrusted });
  }
  return peers;
}
