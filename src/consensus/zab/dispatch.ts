/** Takes each message from a peer to the room it is for, and drops what is of no use. */
import type { MemberId } from "../../environment.ts";
import { unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import { isMember } from "../membership.ts";
import { name } from "../parts/name.ts";
import { onAck, onPropose } from "./broadcast.ts";
import { hearsQuorum } from "./contact.ts";
import { onAckEpoch, onFollowerInfo, onLeaderInfo, onNotificationToLead } from "./discovery.ts";
import { onNotification } from "./election.ts";
import { onPing, onPong } from "./heartbeat.ts";
import { decodeMessage, type Envelope, type Message } from "./messages.ts";
import { onReadRequest, onReadResponse } from "./reads.ts";
import type { ZabState } from "./state.ts";
import { onHandOver } from "./transfer.ts";

/** Bytes from a peer: reads them, notes who speaks, and takes them to their room. */
export function onMessage(s: ZabState, from: MemberId, bytes: Uint8Array): void {
  let envelope: Envelope;
  let message: Message;
  try {
    ({ envelope, message } = decodeMessage(bytes));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    s.dropped++;
    // Told at the 1st, 2nd, 4th, 8th, ...: a peer gone mad must not fill the log.
    if ((s.dropped & (s.dropped - 1)) !== 0) return;
    s.notice("warn", `dropped a message from ${name(from)}: ${error.message}`, { from: name(from) });
    return;
  }
  if (from === s.id || from === 0n) {
    s.dropped++;
    return;
  }
  notePeer(s, from, envelope);
  if (!dispatch(s, from, envelope, message)) s.dropped++;
}

function notePeer(s: ZabState, from: MemberId, envelope: Envelope): void {
  const { priority } = envelope;
  if (s.priorities.get(from) !== priority && isMember(s.memberships.active, from)) s.priorities.set(from, priority);
  if (s.lost.size > 0) s.lost.delete(from);
  const p = s.lead?.progress.get(from);
  if (p !== undefined) p.stalled = envelope.stalled;
}

/**
 * False: the message was of no use (late, or from somebody with no business here). A leader's answers are of use only in
 * the epoch they speak of.
 */
function dispatch(s: ZabState, from: MemberId, envelope: Envelope, m: Message): boolean {
  switch (m.type) {
    case "propose":
      return onPropose(s, from, envelope, m);
    case "ping":
      return onPing(s, from, envelope, m);
    case "leaderInfo":
      return onLeaderInfo(s, from, envelope, m);
    case "notification":
      if (s.lead !== null && (s.role === "candidate" || hearsQuorum(s, s.lead))) {
        return onNotificationToLead(s, s.lead, from, envelope, m);
      }
      return onNotification(s, from, envelope, m);
    case "followerInfo":
      return onFollowerInfo(s, from, envelope, m);
    case "handOver":
      return onHandOver(s, from, envelope.epoch);
    case "readRequest":
      onReadRequest(s, from, m.token);
      return true;
    case "readResponse":
      return onReadResponse(s, from, m.token, m.index, m.ok);
    case "ackEpoch":
      return envelope.epoch === s.epoch && onAckEpoch(s, from, envelope, m);
    case "ack":
      return envelope.epoch === s.epoch && onAck(s, from, envelope, m);
    case "pong":
      return envelope.epoch === s.epoch && onPong(s, from, envelope, m);
    default:
      return unreachable(m, "message");
  }
}
