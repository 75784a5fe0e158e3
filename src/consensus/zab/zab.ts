/**
 * Zab, complete, as one `Engine`: this file takes each input to its room and hands the effects out.
 *
 *     election.ts         phase 0: who should prepare the next epoch   state.ts       all a member knows
 *     discovery.ts        phase 1: a quorum accepts the epoch          role.ts        following, giving up
 *     synchronisation.ts  phase 2: a quorum adopts the history         session.ts     the follower's end of a stream
 *     broadcast.ts        phase 3: propose, acknowledge, commit        progress.ts    the leader's end of it
 *     heartbeat.ts        pings: who is alive, what got lost           sending.ts     what a leader sends
 *     reads.ts            read index, leases, forwarded reads          contact.ts     whom a leader hears, in which life
 *     reconfiguration.ts  who takes part                               leadership.ts  a leader's log and peers
 *     transfer.ts         handing over, resigning                      commit.ts      moving the commit index
 *     snapshot.ts         installing, compaction                       consequences.ts what a leader owes after a step
 *     dispatch.ts         messages to their rooms                      messages.ts, hard-state.ts, genesis.ts   bytes
 *     history.ts          which history says more                      invariants.ts  what is checked after every step
 *
 * By the protocol (Junqueira, Reed, Serafini: Zab, DSN 2011, and the TLA+ specification in ZooKeeper's repository), not by
 * ZooKeeper's code. A zxid is a `Position`: the counter of an epoch is the index less the index at which the epoch began.
 * `Status.epoch` is the accepted epoch, which is also the current one wherever a leader is known.
 *
 * Promises: the contract in ../engine.ts. Must not know: what commands mean, what time it really is, how bytes travel.
 * Departures from the paper are in docs/internals/divergence.md, the proofs in docs/internals/zab.md.
 */
import type { MemberId } from "../../environment.ts";
import { GrpcStatus, InvariantViolation, QuorateError, unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import type { Effects, Engine, EngineOptions, EngineStart, Entry, Input, Status } from "../engine.ts";
import { EntryKind } from "../engine.ts";
import { allVoters, isVoter } from "../membership.ts";
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import { checkOptions } from "../parts/options.ts";
import { StatusWatch } from "../parts/status-watch.ts";
import { sendAcknowledgement } from "./broadcast.ts";
import { countCommit } from "./commit.ts";
import { drawConsequences } from "./consequences.ts";
import { hearsQuorum, standsInTheWay } from "./contact.ts";
import { countAcceptances } from "./discovery.ts";
import { onMessage } from "./dispatch.ts";
import { mayStand, onHostLost, onVoterLinkUp, sitOut, startLooking, tickElection } from "./election.ts";
import { Before, checkBasic, checkChange } from "./invariants.ts";
import { appendOwn } from "./leadership.ts";
import { expireForwardedReads, forwardReads, isAlone, onRead, readsNeedRound } from "./reads.ts";
import { dismissDeparted, onReconfigure } from "./reconfiguration.ts";
import { drawTimeout, leaderHint, stepDown } from "./role.ts";
import { sendHeartbeats, sendLeaderInfo, sendPing, sendProposals, startRound } from "./sending.ts";
import { onCompact, onSnapshotReceived, onSnapshotSent } from "./snapshot.ts";
import { defaultLimits, type Leadership, type ZabLimits, ZabState } from "./state.ts";
import { ZabStatus } from "./status.ts";
import { establish } from "./synchronisation.ts";
import { onTransfer, preferOther, resign, tickTransfer } from "./transfer.ts";

export class Zab implements Engine {
  readonly #state: ZabState;
  readonly #before = new Before();
  readonly #watch = new StatusWatch();
  #status: ZabStatus | null = null;

  /**
   * @param start what the storage recovered.
   * @param now as in `step`.
   * @throws QuorateError `CONFIG` for options that cannot work, `CORRUPT` for a start that no Zab engine wrote.
   */
  constructor(options: EngineOptions, start: EngineStart, now: number, limits: ZabLimits = defaultLimits) {
    checkOptions(options);
    checkLimits(limits);
    try {
      this.#state = new ZabState(options, limits, start, now);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      const message = `the stored engine state cannot be read: ${error.message}`;
      throw new QuorateError("CORRUPT", GrpcStatus.dataLoss, message, { cause: error });
    }
    const s = this.#state;
    drawTimeout(s);
    const voters = allVoters(s.memberships.active);
    // Nobody could object to a single voter.
    if (voters.length === 1 && voters[0] === s.id) s.deadline = now;
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
    drawConsequences(s, this.#before.commit);
    checkBasic(s);
    checkChange(this.#before, s);
  }

  effects(): Effects {
    const s = this.#state;
    if (s.lead === null) {
      forwardReads(s);
      sendAcknowledgement(s);
    } else if (s.lead.phase !== "discovery") {
      sendAsLeader(s, s.lead);
    }
    const write = s.writes.issue(s.log, () => s.encodeState(), s.now);
    const committed = s.commit > s.emitted ? s.log.slice(s.emitted + 1, s.commit) : [];
    s.emitted = s.commit;
    this.#status = null;
    return s.out.take({ write, committed, statusChanged: this.#watch.changed(s), wakeAt: wakeTime(s) });
  }

  /** A view: read it before the next step. */
  get status(): Status {
    this.#status ??= new ZabStatus(this.#state);
    return this.#status;
  }

  entryAt(index: number): Entry | null {
    return this.#state.log.at(index);
  }
}

function checkLimits({ entriesPerEpoch }: ZabLimits): void {
  if (Number.isSafeInteger(entriesPerEpoch) && entriesPerEpoch >= 2) return;
  const message = `entriesPerEpoch is ${entriesPerEpoch}: it must be an integer of at least 2`;
  throw new QuorateError("CONFIG", GrpcStatus.invalidArgument, message);
}

/** When a notice or an early search is due. */
function wakeTime(s: ZabState): number | null {
  if (s.lead !== null) return s.lead.noticeAt;
  return s.earlyAt !== null && s.earlyAt > s.now ? s.earlyAt : null;
}

function take(s: ZabState, input: Input): void {
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

function onTick(s: ZabState): void {
  const gap = s.now - s.lastTick;
  s.lastTick = s.now;
  // Stopped for long, or starved: what happened meanwhile waits to be told, so nothing is judged by silence yet.
  // Once: where every tick is late, that is how time passes here.
  s.paused = gap > s.options.electionTimeoutMs / 2 && !s.paused;
  if (s.paused) return afterGap(s);
  checkDisk(s);
  expireForwardedReads(s);
  if (s.lead === null) tickElection(s);
  else tickLead(s, s.lead);
}

function afterGap(s: ZabState): void {
  s.deadline = Math.max(s.deadline, s.now + s.options.heartbeatIntervalMs);
  if (s.lead !== null) sendHeartbeats(s, s.lead);
}

/** A disk that takes too long: a leader makes room for another, others do not stand. */
function checkDisk(s: ZabState): void {
  const oldest = s.writes.oldestIssuedAt;
  const age = oldest === null ? 0 : s.now - oldest;
  const limit = s.options.diskStallMs;
  if (!s.diskStalled && age > limit) {
    s.diskStalled = true;
    s.notice("warn", `the disk has not finished a write for ${Math.round(age)} ms (limit ${limit})`, { ageMs: age });
    if (s.lead === null || isAlone(s)) return;
    if (s.role === "leader") resign(s, s.lead, "its disk stalls");
    else stepDown(s, "its disk stalls");
  } else if (s.diskStalled && age <= limit / 2) {
    s.diskStalled = false;
    s.notice("info", "the disk works again", {});
  }
}

function tickLead(s: ZabState, lead: Leadership): void {
  const { electionTimeoutMs } = s.options;
  if (lead.phase === "discovery" && s.now >= s.deadline) return giveUp(s, `too few accepted epoch ${s.epoch}`);
  if (lead.phase !== "discovery" && !hearsQuorum(s, lead))
    return giveUp(s, `heard no quorum for ${electionTimeoutMs} ms`);
  if (lead.phase === "broadcast") {
    if (standsInTheWay(s, lead)) {
      sitOut(s);
      return giveUp(s, "the disks it hears of stall, others may do without");
    }
    tickTransfer(s, lead);
    dismissDeparted(s, lead);
  }
  if (s.now < lead.nextHeartbeat) return;
  if (lead.phase === "broadcast") preferOther(s, lead);
  sendHeartbeats(s, lead);
}

/** Whoever may lead again looks for a leader at once: its followers hear that it has given up. */
function giveUp(s: ZabState, why: string): void {
  if (s.role === "candidate") sitOut(s);
  if (mayStand(s)) startLooking(s, why);
  else stepDown(s, why);
}

function onDurable(s: ZabState, write: number): void {
  if (!s.writes.complete(write) || s.lead === null) return;
  const { lead } = s;
  if (lead.phase === "discovery") countAcceptances(s, lead);
  else if (lead.phase === "synchronisation") establish(s, lead);
  else countCommit(s, lead);
}

function onPropose(s: ZabState, id: number, epoch: number, data: Uint8Array): void {
  const { leading: lead, out } = s;
  const { maxUncommittedBytes } = s.options;
  if (lead === null) {
    out.refuse(id, "not leader", leaderHint(s));
  } else if (epoch !== s.epoch) {
    out.refuse(id, "stale epoch", `meant for epoch ${epoch}, this member leads ${s.epoch}`);
  } else if (lead.transfer !== null) {
    out.refuse(id, "transferring leadership", `leadership is being handed to ${name(lead.transfer.to)}`);
  } else if (s.diskStalled) {
    out.refuse(id, "disk stalled", "the disk of this member does not answer");
  } else if (
    lead.uncommittedBytes > 0 &&
    lead.uncommittedBytes + data.length + entryOverheadBytes > maxUncommittedBytes
  ) {
    out.refuse(
      id,
      "too many uncommitted bytes",
      `${lead.uncommittedBytes} bytes wait for a quorum, at most ${maxUncommittedBytes} may`,
    );
  } else {
    const entry = appendOwn(s, lead, EntryKind.command, data);
    out.accepted.push({ id, epoch: entry.epoch, index: entry.index });
  }
}

function onLinkLost(s: ZabState, peer: MemberId): void {
  s.lost.add(peer);
  if (s.lead !== null) {
    // What was on its way is lost. The peer is asked for its acknowledgement of the epoch, and what it has, until it is back.
    const p = s.lead.progress.get(peer);
    if (p?.streams === true) p.becomeIdle();
  } else if (peer === s.host && s.role === "follower") {
    onHostLost(s);
  } else if (s.role === "preCandidate" && s.vote.leader === peer) {
    startLooking(s, `the link to ${name(peer)} broke`);
  }
}

function onLinkUp(s: ZabState, peer: MemberId): void {
  s.lost.delete(peer);
  const { lead } = s;
  if (lead !== null) {
    const p = lead.progress.get(peer);
    if (p === undefined) return;
    if (p.state === "idle" && p.hint === null) sendLeaderInfo(s, lead, p);
    else if (p.incarnation !== 0) sendPing(s, lead, p, { answer: true, expect: 0 });
    return;
  }
  if (peer === s.host) {
    s.hostLost = false;
    s.earlyAt = null;
  }
  if (isVoter(s.memberships.active, peer)) onVoterLinkUp(s, peer);
}

/** What a leader, established or not, has to say at the end of a turn. */
function sendAsLeader(s: ZabState, lead: Leadership): void {
  if (readsNeedRound(s, lead)) startRound(s, lead);
  for (const p of lead.progress.values()) if (p.streams) sendProposals(s, lead, p);
  if (lead.noticeAt !== null) tellCommit(s, lead, s.now >= lead.noticeAt);
}

/** Tells peers what is committed and no proposal has told them; only those that wait for it, unless it is time for all. */
function tellCommit(s: ZabState, lead: Leadership, all: boolean): void {
  let waiting = false;
  for (const p of lead.progress.values()) {
    if (p.sentCommit >= s.commit || !p.synced || p.state !== "replicate") continue;
    if (all || s.now < p.eagerUntil) sendPing(s, lead, p, { answer: false, expect: 0 });
    else waiting = true;
  }
  if (!waiting) lead.noticeAt = null;
}

function onAwaited(s: ZabState, peer: MemberId): void {
  const p = s.leading?.progress.get(peer);
  if (p !== undefined) p.eagerUntil = s.now + s.options.electionTimeoutMs;
}
