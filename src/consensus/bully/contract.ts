/**
 * What the bully election is to its owner: what goes in, what comes out, what can be looked at.
 *
 * Like an `Engine` it is a pure state machine that is told the time with each input and says what it wants as data. It
 * is none: there is no log, no quorum and nothing durable, and so nothing that a stored value may depend on.
 */
import type { MemberId } from "../../environment.ts";
import type { Notice } from "../engine.ts";
import type { BullyMember } from "./members.ts";

export interface BullyOptions {
  readonly id: MemberId;
  /**
   * A number that the owner draws anew at each start, from 1 to 2^32-1: tells a restarted member from the one before.
   * It seeds the member's own generator (jitter), too.
   */
  readonly incarnation: number;
  /** Everybody who takes part, this member included, with the same numbers on all of them. */
  readonly members: readonly BullyMember[];
  /** How many members there may be, now and later. Each costs a leader one message per heartbeat. From 1 to 65536. */
  readonly maxMembers: number;
  /** A leader tells everybody that it leads this often. */
  readonly heartbeatIntervalMs: number;
  /** A leader that was not heard for this long is taken for dead: at least two heartbeats, better four. */
  readonly leaderTimeoutMs: number;
  /** T1: who was answered by nobody higher for this long leads. Longer than a message and its answer take together. */
  readonly answerTimeoutMs: number;
  /** T2: who was answered, and saw no leader for this long, begins anew. At least twice T1: the other waits T1 itself. */
  readonly coordinatorTimeoutMs: number;
  /**
   * Take over from a working leader that has a lower number (as the algorithm has it). False: follow it while it lives,
   * so that a member that comes and goes does not move the leadership each time. Default true.
   */
  readonly preempt?: boolean;
}

/** Everything that can happen to a member. `now` in milliseconds of a monotonic clock, never smaller than before. */
export type BullyInput =
  /** Time passed. Due at `BullyEffects.wakeAt`; earlier or more often does no harm. */
  | { readonly type: "tick" }
  /** From a peer, as its state machine made it. Malformed, late or foreign bytes are dropped and counted. */
  | { readonly type: "message"; readonly from: MemberId; readonly bytes: Uint8Array }
  /** The link to a peer broke or was refused: the process there probably died. Spares the wait for `leaderTimeoutMs`. */
  | { readonly type: "linkLost"; readonly peer: MemberId }
  | { readonly type: "linkUp"; readonly peer: MemberId }
  /** Who takes part from now on. Without this member itself: it is outside until it is named again. */
  | { readonly type: "members"; readonly members: readonly BullyMember[] };

/**
 * Whom a member follows. Two partitions may count alike, so only both fields together name a leadership, and not even
 * they fence anything off (docs/internals/bully.md).
 */
export interface BullyLeadership {
  /** 0n: nobody is known to lead. */
  readonly leader: MemberId;
  /** Of that leadership; of the last one that was known, if there is none now. Never falls in the life of a member. */
  readonly generation: number;
}

export interface BullyEffects {
  /** To be sent at once, in this order; may get lost. Messages to several peers may share their bytes. */
  readonly messages: readonly { readonly to: MemberId; readonly bytes: Uint8Array }[];
  /** Whom to follow from now on; null: as before. */
  readonly leaderChanged: BullyLeadership | null;
  readonly notices: readonly Notice[];
  /** When the next tick is due; null: none is (the member is outside). */
  readonly wakeAt: number | null;
}

/**
 * - `listening`: knows no leader and gives others a moment before it begins
 * - `candidate`: has asked everybody higher, and waits for an answer (T1)
 * - `waiting`: was answered, and waits for a leader (T2)
 * - `follower`: hears a leader
 * - `leader`: nobody higher answers, as far as it knows
 * - `outside`: is no member
 */
export type BullyRole = "listening" | "candidate" | "waiting" | "follower" | "leader" | "outside";

export interface BullyStatus extends BullyLeadership {
  readonly id: MemberId;
  readonly incarnation: number;
  readonly role: BullyRole;
  /** The highest generation heard of, from anybody. */
  readonly latestGeneration: number;
  /** Dropped inputs from peers, since the start. */
  readonly droppedMessages: number;
}
