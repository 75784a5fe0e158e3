/**
 * The bully election: members with numbers, of which the highest reachable one leads. For a best-effort coordinator
 * among clients, where no quorum is needed or to be had.
 *
 *     contract.ts   options, inputs, effects, status       election.ts     asking the higher ones, answers
 *     members.ts    who goes before whom                   coordinator.ts  somebody says that it leads
 *     state.ts      all a member knows                     office.ts       leading, following, being without
 *     messages.ts   bytes                                  invariants.ts   checked after every step
 *
 * Promises: when messages get through again, within a bounded time all members that reach each other follow the highest
 * of them. Promises not: that there is one leader at a time. In a partition each side has its own; the safe election is
 * that of the engines (docs/internals/bully.md).
 * Must not know: what a leader is for, what time it really is, how bytes travel.
 */
import type { MemberId } from "../../environment.ts";
import { assert, unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import { name } from "../parts/name.ts";
import type { BullyEffects, BullyInput, BullyLeadership, BullyOptions, BullyStatus } from "./contract.ts";
import { onCoordinator, onObjection } from "./coordinator.ts";
import { beginAnew, beginElection, onAnswer, onElection } from "./election.ts";
import { type BullyBefore, checkBully } from "./invariants.ts";
import { type BullyMember, checkMembers, Ranking } from "./members.ts";
import { type BullyEnvelope, type BullyMessage, decodeBullyMessage } from "./messages.ts";
import { heartbeat, lead, leave, listen, loseLeader, renewIfContested } from "./office.ts";
import { checkBullyOptions } from "./options.ts";
import { BullyState } from "./state.ts";

/**
 * One member.
 *
 *     const bully = new Bully({ id: 2n, incarnation, members, ...timeouts }, clock.now());
 *     bully.step({ type: "message", from: 3n, bytes }, clock.now());
 *     const { messages, leaderChanged, wakeAt } = bully.effects();
 */
export class Bully {
  readonly #state: BullyState;
  #told: BullyLeadership = { leader: 0n, generation: 0 };

  /**
   * Starts as a new member that knows nothing: nothing is kept over a restart.
   *
   * @param now as in `step`.
   * @throws QuorateError `CONFIG` for options that cannot work.
   */
  constructor(options: BullyOptions, now: number) {
    checkBullyOptions(options);
    const s = new BullyState(options, now);
    this.#state = s;
    // Who would take over may begin at once; who would not first finds out whether there is somebody to follow.
    listen(s, 0n, s.options.preempt ? 0 : s.options.leaderTimeoutMs);
    checkBully(s, s);
  }

  /**
   * Feeds one input. Survives any remote input.
   *
   * @throws QuorateError `CONFIG` for members that cannot be; nothing has changed then. `InvariantViolation` for time
   * that goes back.
   */
  step(input: BullyInput, now: number): void {
    const s = this.#state;
    assert(now >= s.now, `time went from ${s.now} back to ${now}`);
    const before: BullyBefore = { generation: s.generation, leaderGeneration: s.leaderGeneration };
    s.now = now;
    take(s, input);
    renewIfContested(s);
    checkBully(before, s);
  }

  /** What is to be done since the last call. */
  effects(): BullyEffects {
    const s = this.#state;
    const { messages, notices, leader, leaderGeneration: generation } = s;
    s.messages = [];
    s.notices = [];
    const isNews = leader !== this.#told.leader || generation !== this.#told.generation;
    if (isNews) this.#told = { leader, generation };
    const leaderChanged = isNews ? this.#told : null;
    return { messages, leaderChanged, notices, wakeAt: Number.isFinite(s.deadline) ? s.deadline : null };
  }

  get status(): BullyStatus {
    const { id, role, leader, leaderGeneration, generation, dropped, options } = this.#state;
    const { incarnation } = options;
    return {
      id,
      incarnation,
      role,
      leader,
      generation: leaderGeneration,
      latestGeneration: generation,
      droppedMessages: dropped,
    };
  }
}

function take(s: BullyState, input: BullyInput): void {
  switch (input.type) {
    case "tick":
      return onTick(s);
    case "message":
      return onMessage(s, input.from, input.bytes);
    case "linkLost":
      if (s.role === "follower" && input.peer === s.leader) loseLeader(s, "the link to it broke");
      return;
    case "linkUp":
      if (s.role === "leader" && input.peer !== s.id && s.ranking.has(input.peer)) {
        s.send({ type: "coordinator" }, [input.peer]);
      }
      return;
    case "members":
      return onMembers(s, input.members);
    default:
      return unreachable(input, "input");
  }
}

function onTick(s: BullyState): void {
  if (s.now < s.deadline) return;
  const { heartbeatIntervalMs, leaderTimeoutMs } = s.options;
  const lateMs = s.now - s.deadline;
  if (s.role === "leader") {
    if (lateMs < leaderTimeoutMs) return heartbeat(s);
    // The others have given it up by now; it hears whom they follow before it does anything.
    s.notice("warn", `no longer leads: it was stopped for ${Math.round(lateMs)} ms`, { lateMs });
    return listen(s, 0n, heartbeatIntervalMs);
  }
  // Stopped, or starved: what happened meanwhile waits to be told, so nothing is judged by silence yet. Once: where
  // every tick is late, that is how time passes here.
  if (lateMs > heartbeatIntervalMs && !s.lenient) {
    s.lenient = true;
    s.deadline = s.now + heartbeatIntervalMs;
    return;
  }
  s.lenient = false;
  onDeadline(s);
}

function onDeadline(s: BullyState): void {
  switch (s.role) {
    case "listening":
      return beginElection(s, "no leader is heard");
    case "candidate":
      return lead(s);
    case "waiting":
      return beginAnew(s);
    case "follower":
      return loseLeader(s, `silent for ${s.options.leaderTimeoutMs} ms`);
    case "leader":
    case "outside":
      return;
    default:
      return unreachable(s.role, "role");
  }
}

function onMessage(s: BullyState, from: MemberId, bytes: Uint8Array): void {
  let envelope: BullyEnvelope;
  let message: BullyMessage;
  try {
    ({ envelope, message } = decodeBullyMessage(bytes));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return drop(s, from, error.message);
  }
  if (s.role === "outside") return drop(s, from, "this is no member");
  if (from === s.id || !s.ranking.has(from)) return drop(s, from, "the sender is no member, or has this member's id");
  // Late ones are counted, no more: they are part of any network.
  if (!dispatch(s, from, envelope, message)) s.dropped++;
}

/** Counts it, and tells of it at the 1st, 2nd, 4th, 8th, ...: a peer gone mad must not fill the log. */
function drop(s: BullyState, from: MemberId, why: string): void {
  s.dropped++;
  if ((s.dropped & (s.dropped - 1)) !== 0) return;
  s.notice("warn", `dropped a message from ${name(from)}: ${why}`, { from: name(from), dropped: s.dropped });
}

/** False: the message was of no use. */
function dispatch(s: BullyState, from: MemberId, envelope: BullyEnvelope, message: BullyMessage): boolean {
  switch (message.type) {
    case "election":
      return onElection(s, from, envelope, message);
    case "answer":
      return onAnswer(s, from, envelope, message);
    case "coordinator":
      onCoordinator(s, from, envelope);
      return true;
    case "objection":
      return onObjection(s, envelope, message.toIncarnation);
    default:
      return unreachable(message, "message");
  }
}

function onMembers(s: BullyState, members: readonly BullyMember[]): void {
  checkMembers(members, s.options.maxMembers);
  const { ranking: before, leader, id } = s;
  const ranking = new Ranking(members);
  s.ranking = ranking;
  if (!ranking.has(id)) {
    if (s.role !== "outside") leave(s);
  } else if (s.role === "outside") {
    listen(s, 0n, s.options.preempt ? 0 : s.options.leaderTimeoutMs);
  } else if (s.role === "leader") {
    s.send(
      { type: "coordinator" },
      ranking.ids.filter((peer) => !before.has(peer)),
    );
  } else if (s.role === "follower" && !ranking.has(leader)) {
    loseLeader(s, "it is no member any more");
  } else if (s.role === "follower" && s.options.preempt && ranking.outranks(id, leader)) {
    beginElection(s, `${name(leader)} leads and is lower now`);
  }
}
