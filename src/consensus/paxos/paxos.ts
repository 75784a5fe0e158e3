/**
 * Multi-Paxos, complete, as one `Engine`: this file takes each input to its room and hands the effects out.
 *
 *     state.ts       all a member knows            acceptor.ts     taking values into slots, what is held
 *     role.ts        following, giving up          ballots.ts      in which round each slot was accepted
 *     standing.ts    who may stand, whom it asks   rising.ts       values that cannot have been chosen
 *     election.ts    timeouts, the survey          replication.ts  phase 2: acceptances, decisions
 *     proposer.ts    phase 1, both sides           heartbeat.ts    beats, what got lost
 *     candidacy.ts   promises in parts             sending.ts      what a leader sends
 *     choice.ts      what a new leader proposes    reads.ts        read index, leases, forwarded reads
 *     leadership.ts  its beginning, own values     transfer.ts     handing over, resigning
 *     quorums.ts     the two quorums               snapshot.ts     installing, compaction
 *     decided.ts     moving the decided index      consequences.ts what a leader owes after a step
 *     progress.ts    what each peer holds          contact.ts      whom a leader hears, in which life
 *     dispatch.ts    messages to their rooms       reconfiguration.ts, ../parts/memberships.ts   who takes part
 *     messages.ts, codec.ts, hard-state.ts, genesis.ts   bytes
 *     invariants.ts  what is checked after every step
 *
 * Promises: the contract in ../engine.ts. Must not know: what commands mean, what time it really is, how bytes travel.
 *
 * Where it departs from Paxos as it is taught (reasons and proofs in docs/internals/paxos.md):
 * - a round is promised to one proposer, so that it has one leader at most and its number names the ballot;
 * - slots are accepted in any order, but an acceptance is acknowledged, and counts, when there is no gap before it: a
 *   storage may drop what lies behind a snapshot that its log does not lead to, and must then drop nothing that counted;
 * - a value keeps the epoch it was first proposed in; epochs never fall along what is decided, because the owner relies
 *   on it, and values that would make them fall are known not to have been chosen.
 */
import type { MemberId } from "../../environment.ts";
import { GrpcStatus, InvariantViolation, QuorateError, unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import type { Effects, Engine, EngineOptions, EngineStart, Entry, Input, Status } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { isVoter } from "../membership.ts";
import { name } from "../parts/name.ts";
import { StatusWatch } from "../parts/status-watch.ts";
import { drawConsequences } from "./consequences.ts";
import { hearsQuorum } from "./contact.ts";
import { onMessage } from "./dispatch.ts";
import { onLeaderLinkLost, tickElection } from "./election.ts";
import { Before, checkBasic, checkChange } from "./invariants.ts";
import { costOf, proposeOwn } from "./leadership.ts";
import { checkPaxosOptions } from "./options.ts";
import { onPromiseDurable } from "./proposer.ts";
import { expireForwardedReads, forwardReads, isAlone, onRead, readsNeedBeat } from "./reads.ts";
import { dismissDeparted, onReconfigure } from "./reconfiguration.ts";
import { countDecided, sendAcknowledgement } from "./replication.ts";
import { becomeFollower, drawElectionTimeout, leaderHint } from "./role.ts";
import { sendHeartbeat, sendValues, startBeat, toldTo } from "./sending.ts";
import { onCompact, onSnapshotReceived, onSnapshotSent } from "./snapshot.ts";
import { hurryElection } from "./standing.ts";
import { type Leadership, PaxosState } from "./state.ts";
import { PaxosStatus } from "./status.ts";
import { onTransfer, preferOther, resign, tickTransfer } from "./transfer.ts";

export class Paxos implements Engine {
  readonly #state: PaxosState;
  readonly #before = new Before();
  readonly #watch = new StatusWatch();
  #status: PaxosStatus | null = null;

  /**
   * @param start what the storage recovered.
   * @param now as in `step`.
   * @throws QuorateError `CONFIG` for options that cannot work, `CORRUPT` for a start that no Paxos engine wrote.
   */
  constructor(options: EngineOptions, start: EngineStart, now: number) {
    checkPaxosOptions(options);
    try {
      this.#state = new PaxosState(options, start, now);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const message = `the stored engine state cannot be read: ${error.message}`;
      throw new QuorateError("CORRUPT", GrpcStatus.dataLoss, message, { cause: error });
    }
    const s = this.#state;
    drawElectionTimeout(s);
    // Nobody could object to a single voter.
    if (isAlone(s)) s.electionDeadline = now;
    checkBasic(s);
    this.#before.remember(s);
    this.#watch.changed(s);
  }

  step(input: Input, now: number): void {
    const s = this.#state;
    if (now < s.now) throw new InvariantViolation(`time went from ${s.now} back to ${now}`);
    s.now = now;
    this.#status = null;
    this.#before.remember(s);
    take(s, input);
    drawConsequences(s, this.#before.decided);
    checkBasic(s);
    checkChange(this.#before, s);
  }

  effects(): Effects {
    const s = this.#state;
    if (s.lead === null) {
      forwardReads(s);
      sendAcknowledgement(s);
    } else {
      sendAsLeader(s, s.lead);
    }
    const write = s.writes.issue(s.log, () => s.encodeState(), s.now);
    const committed = s.decided > s.emitted ? giveOut(s) : none;
    this.#status = null;
    return s.out.take({ write, committed, statusChanged: this.#watch.changed(s), wakeAt: wakeTime(s) });
  }

  /** A view: read it before the next step. */
  get status(): Status {
    this.#status ??= new PaxosStatus(this.#state);
    return this.#status;
  }

  entryAt(index: number): Entry | null {
    return this.#state.log.at(index);
  }
}

const none: readonly Entry[] = [];

function giveOut(s: PaxosState): readonly Entry[] {
  const upTo = s.givable;
  if (upTo <= s.emitted) return none;
  const entries = s.log.slice(s.emitted + 1, upTo);
  s.emitted = upTo;
  return entries;
}

/** When a notice or an early election is due; one that waits for a running candidacy has no time of its own. */
function wakeTime(s: PaxosState): number | null {
  if (s.lead !== null) return s.lead.noticeAt;
  return s.earlyAt !== null && s.earlyAt > s.now && s.role !== "candidate" ? s.earlyAt : null;
}

function take(s: PaxosState, input: Input): void {
  switch (input.type) {
    case "tick":
      return onTick(s);
    case "message":
      return onMessage(s, input.from, input.bytes);
    case "propose":
      return onPropose(s, input.id, input.epoch, input.data);
    case "reconfigure":
      return onReconfigure(s, input.id, input.change, input.context);
    case "read":
      return onRead(s, input.id);
    case "awaited":
      return onAwaited(s, input.peer);
    case "transfer":
      return onTransfer(s, input.id, input.to);
    case "durable":
      return onDurable(s, input.write);
    case "applied":
      if (input.index > s.emitted)
        throw new InvariantViolation(`applied ${input.index}, but only ${s.emitted} were given out`);
      s.applied = Math.max(s.applied, input.index);
      return;
    case "compact":
      return onCompact(s, input.snapshot, input.upTo);
    case "snapshotReceived":
      return onSnapshotReceived(s, input.from, input.snapshot);
    case "snapshotSent":
      return onSnapshotSent(s, input.to, input.index, input.ok);
    case "linkLost":
      return onLinkLost(s, input.peer);
    case "linkUp":
      return onLinkUp(s, input.peer);
    default:
      return unreachable(input, "input");
  }
}

function onTick(s: PaxosState): void {
  const gap = s.now - s.lastTick;
  s.lastTick = s.now;
  // Stopped for long, or starved: what happened meanwhile waits to be told, so nothing is judged by silence yet.
  // Once: where every tick is late, that is how time passes here.
  s.paused = gap > s.options.electionTimeoutMs / 2 && !s.paused;
  if (s.paused) return afterGap(s);
  checkDisk(s);
  expireForwardedReads(s);
  if (s.lead === null) tickElection(s);
  else tickLeader(s, s.lead);
}

function afterGap(s: PaxosState): void {
  if (s.lead === null) s.electionDeadline = Math.max(s.electionDeadline, s.now + s.options.heartbeatIntervalMs);
  else heartbeat(s, s.lead);
}

/** A disk that takes too long: a leader makes room for another, others do not stand. */
function checkDisk(s: PaxosState): void {
  const oldest = s.writes.oldestIssuedAt;
  const age = oldest === null ? 0 : s.now - oldest;
  const limit = s.options.diskStallMs;
  if (!s.diskStalled && age > limit) {
    s.diskStalled = true;
    s.notice("warn", `the disk has not finished a write for ${Math.round(age)} ms (limit ${limit})`, { ageMs: age });
    if (s.lead !== null && !isAlone(s)) resign(s, s.lead, "its disk stalls");
  } else if (s.diskStalled && age <= limit / 2) {
    s.diskStalled = false;
    s.notice("info", "the disk works again", {});
  }
}

function tickLeader(s: PaxosState, lead: Leadership): void {
  if (!hearsQuorum(s, lead)) {
    const { electionTimeoutMs } = s.options;
    return becomeFollower(s, s.round, 0n, `heard no quorum for ${electionTimeoutMs} ms`);
  }
  tickTransfer(s, lead);
  dismissDeparted(s, lead);
  if (s.now < lead.nextHeartbeat) return;
  preferOther(s, lead);
  heartbeat(s, lead);
}

function heartbeat(s: PaxosState, lead: Leadership): void {
  lead.nextHeartbeat = s.now + s.options.heartbeatIntervalMs;
  startBeat(s, lead, true);
}

function onDurable(s: PaxosState, write: number): void {
  if (!s.writes.complete(write)) return;
  onPromiseDurable(s);
  if (s.lead !== null) countDecided(s, s.lead);
}

function onPropose(s: PaxosState, id: number, epoch: number, data: Uint8Array): void {
  const { lead, out } = s;
  const { maxUncommittedBytes } = s.options;
  if (lead === null) {
    out.refuse(id, "not leader", leaderHint(s));
  } else if (epoch !== s.epoch) {
    out.refuse(id, "stale epoch", `meant for epoch ${epoch}, this member leads ${s.epoch}`);
  } else if (lead.transfer !== null) {
    out.refuse(id, "transferring leadership", `leadership is being handed to ${name(lead.transfer.to)}`);
  } else if (s.diskStalled) {
    out.refuse(id, "disk stalled", "the disk of this member does not answer");
  } else if (lead.uncommittedBytes > 0 && lead.uncommittedBytes + costOf(data) > maxUncommittedBytes) {
    out.refuse(
      id,
      "too many uncommitted bytes",
      `${lead.uncommittedBytes} bytes wait for a quorum, at most ${maxUncommittedBytes} may`,
    );
  } else {
    const entry = proposeOwn(s, lead, EntryKind.command, data);
    out.accepted.push({ id, epoch: entry.epoch, index: entry.index });
  }
}

function onLinkLost(s: PaxosState, peer: MemberId): void {
  const p = s.lead?.progress.get(peer);
  if (p !== undefined) {
    // What was on its way is lost. The next heartbeat that is answered tells where it is.
    if (p.state === "replicate") p.becomeProbe();
  } else if (peer === s.leader && peer !== s.id) {
    onLeaderLinkLost(s);
  }
}

function onLinkUp(s: PaxosState, peer: MemberId): void {
  const { lead } = s;
  if (lead !== null) {
    const p = lead.progress.get(peer);
    if (p === undefined) return;
    sendHeartbeat(s, lead, p, true);
  } else if (peer === s.leader) {
    s.leaderLinkLost = false;
    s.earlyAt = null;
  } else if (s.leader === 0n && isVoter(s.membership, peer)) {
    // A group that starts need not wait for a timeout; a heartbeat of a leader that exists comes first.
    hurryElection(s, s.options.heartbeatIntervalMs);
  }
}

/** What a leader has to say at the end of a turn. */
function sendAsLeader(s: PaxosState, lead: Leadership): void {
  if (readsNeedBeat(s, lead)) startBeat(s, lead, false);
  for (const p of lead.progress.values()) sendValues(s, p);
  if (lead.noticeAt !== null) tellDecided(s, lead, s.now >= lead.noticeAt);
}

/** Tells peers what is decided and no value has told them; only those that wait for it, unless it is time for all. */
function tellDecided(s: PaxosState, lead: Leadership, all: boolean): void {
  let waiting = false;
  for (const p of lead.progress.values()) {
    if (p.sentDecided >= toldTo(s, p) || p.state !== "replicate") continue;
    if (all || s.now < p.eagerUntil) sendHeartbeat(s, lead, p, false);
    else waiting = true;
  }
  if (!waiting) lead.noticeAt = null;
}

function onAwaited(s: PaxosState, peer: MemberId): void {
  const p = s.lead?.progress.get(peer);
  if (p !== undefined) p.eagerUntil = s.now + s.options.electionTimeoutMs;
}
