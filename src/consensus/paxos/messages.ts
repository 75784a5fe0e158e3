/**
 * What members say to each other, and how it looks on the wire (little endian). `codec.ts` writes and reads it.
 *
 *     message = version u8 (1) | type u8 | flags u8 | stance u8 | priority i32 | incarnation u32 | phase 2 size u16
 *               | round u64 | body
 *     stance  = 1: sender is untrusted | 2: sender's disk is stalled
 *
 *      1 accept             session u32 | first u64 | decided u64 | count u32
 *                           | count x (kind u8 | epoch u64 | length u32) | the entries' data, one behind the other
 *      2 accepted           session u32 | held u64
 *      3 heartbeat          session u32 | to incarnation u32 | beat u64 | sent f64 | decided u64
 *                                                                            flags 1: answer | 2: trusted again
 *      4 heartbeatResponse  session u32 | beat u64 | sent f64 | promise ms u32 | held u64 | resumes u64
 *      5 survey             first u64
 *      6 surveyResponse     asked round u64                                  flags 1: yes
 *      7 prepare            first u64                                        flags 1: transfer
 *      8 promise            first u64 | decided u64 | reply u32 | part u32 | parts u32 | from u64 | count u32
 *                           | count x (kind u8 | epoch u64 | round u64 | length u32) | data
 *      9 nack               asked round u64
 *     10 timeoutNow         -
 *     11 readRequest        token u64
 *     12 readResponse       token u64 | index u64                            flags 1: ok
 *
 * The ballot of accept, heartbeat, prepare and their answers is the sender's round in the header, with the sender (of an
 * answer: the receiver) as proposer.
 */
import type { Entry } from "../engine.ts";

/** What every message says about its sender. */
export interface Envelope {
  readonly round: number;
  /** A number the sender drew when it started: tells a restarted member from the one before. Never 0. */
  readonly incarnation: number;
  readonly priority: number;
  readonly untrusted: boolean;
  readonly stalled: boolean;
  /** See quorums.ts: members that count differently must not work together. */
  readonly phase2: number;
}

/** Phase 2: accept these values of consecutive slots in my round. */
export interface Accept {
  readonly type: "accept";
  /** Counts how often the leader had to start anew with this peer, because it came back as another incarnation. */
  readonly session: number;
  /** Index of the first of `entries`; also without any. */
  readonly first: number;
  /** All slots up to here are decided, with the values that the leader of this round has there. */
  readonly decided: number;
  readonly entries: readonly Entry[];
}

export interface AcceptedMessage {
  readonly type: "accepted";
  readonly session: number;
  /** All slots up to here are decided, or accepted in this round; durable. */
  readonly held: number;
}

export interface Heartbeat {
  readonly type: "heartbeat";
  readonly session: number;
  /** The incarnation of the receiver that the leader knows; 0: none yet. */
  readonly toIncarnation: number;
  /** Numbers the heartbeats of a leader that ask for an answer. */
  readonly beat: number;
  /** The leader's own clock when it sent this; comes back in the answer, so that a lease starts at the sending. */
  readonly sentAt: number;
  /** As in `Accept`. */
  readonly decided: number;
  readonly answer: boolean;
  /** The receiver, in the incarnation named, has again everything it ever acknowledged. */
  readonly trusted: boolean;
}

export interface HeartbeatResponse {
  readonly type: "heartbeatResponse";
  readonly session: number;
  readonly beat: number;
  readonly sentAt: number;
  /** From the receipt of the heartbeat on, the sender helps elect nobody else for this long; 0: no promise. */
  readonly promiseMs: number;
  /** As in `AcceptedMessage`, but perhaps not durable yet: tells what to send, not what counts. */
  readonly held: number;
  /** The first slot behind a gap that was accepted in this round; 0: nothing is behind `held`. */
  readonly resumes: number;
}

/** Phase 1: take no proposals of lower rounds any more, and tell me what you accepted from slot `first` on. */
export interface Prepare {
  readonly type: "prepare";
  readonly first: number;
  /** The leader itself asked for this election. */
  readonly transfer: boolean;
}

/** What an acceptor holds in a slot, as it tells a proposer. */
export interface ReportedSlot {
  readonly entry: Entry;
  /** 0 for a hole, and for what is decided anyway. */
  readonly round: number;
}

/** One part of the answer to a prepare: it counts when all parts of one reply are there. */
export interface PromiseMessage {
  readonly type: "promise";
  /** As asked. */
  readonly first: number;
  /** All slots up to here are decided. */
  readonly decided: number;
  /** Numbers the replies of this incarnation: parts of different ones do not fit together. */
  readonly reply: number;
  /** From 0 to `parts` - 1. */
  readonly part: number;
  readonly parts: number;
  /** Index of the first of `slots`. */
  readonly from: number;
  readonly slots: readonly ReportedSlot[];
}

export type Message =
  | Accept
  | AcceptedMessage
  | Heartbeat
  | HeartbeatResponse
  /** Would you promise, if I prepared the round after mine from slot `first` on? */
  | { readonly type: "survey"; readonly first: number }
  | { readonly type: "surveyResponse"; readonly asked: number; readonly granted: boolean }
  | Prepare
  | PromiseMessage
  /** No promise in round `asked`. The sender's own round is in the envelope. */
  | { readonly type: "nack"; readonly asked: number }
  | { readonly type: "timeoutNow" }
  | { readonly type: "readRequest"; readonly token: number }
  | { readonly type: "readResponse"; readonly token: number; readonly index: number; readonly ok: boolean };

export const typeNumbers: { readonly [T in Message["type"]]: number } = {
  accept: 1,
  accepted: 2,
  heartbeat: 3,
  heartbeatResponse: 4,
  survey: 5,
  surveyResponse: 6,
  prepare: 7,
  promise: 8,
  nack: 9,
  timeoutNow: 10,
  readRequest: 11,
  readResponse: 12,
};

/** Bytes before the body. */
export const headerSize = 22;
