/** Takes each message from a peer to the room it is for, and drops what is of no use. */
import type { MemberId } from "../../environment.ts";
import { unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import { isMember } from "../membership.ts";
import { name } from "../parts/name.ts";
import { hurryElection, mayCampaign, onPreVote, onPreVoteResponse, onVote, onVoteResponse } from "./election.ts";
import { onHeartbeat, onHeartbeatResponse } from "./heartbeat.ts";
import { decodeMessage, type Envelope, type Message } from "./messages.ts";
import { onReadRequest, onReadResponse } from "./reads.ts";
import { onAppend, onAppendResponse } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import { type RaftState } from "./state.ts";
import { onTimeoutNow } from "./transfer.ts";

/** Bytes from a peer: reads them, notes who speaks, and takes them to their room. */
export function onMessage(s: RaftState, from: MemberId, bytes: Uint8Array): void {
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

function notePeer(s: RaftState, from: MemberId, envelope: Envelope): void {
  const { priority } = envelope;
  if (s.priorities.get(from) !== priority && isMember(s.memberships.active, from)) s.priorities.set(from, priority);
  const p = s.lead?.progress.get(from);
  if (p !== undefined) p.stalled = envelope.stalled;
}

/** False: the message was of no use (late, or from somebody with no business here). */
function dispatch(s: RaftState, from: MemberId, envelope: Envelope, m: Message): boolean {
  const { epoch, incarnation, untrusted } = envelope;
  switch (m.type) {
    case "append":
      return onAppend(s, from, epoch, m);
    case "heartbeat":
      return onHeartbeat(s, from, epoch, m);
    case "preVote":
      onPreVote(s, from, envelope, m);
      return true;
    case "vote":
      onVote(s, from, envelope, m);
      return true;
    case "timeoutNow":
      return onTimeoutNow(s, from, epoch);
    case "readRequest":
      onReadRequest(s, from, m.token);
      return true;
    case "readResponse":
      return onReadResponse(s, from, m.token, m.index, m.ok);
    case "appendResponse":
    case "heartbeatResponse":
    case "preVoteResponse":
    case "voteResponse":
      break;
    default:
      return unreachable(m, "message");
  }
  if (epoch > s.epoch) return onHigherEpoch(s, from, epoch);
  if (m.type === "preVoteResponse") return onPreVoteResponse(s, from, m.proposedEpoch, m.granted);
  if (epoch < s.epoch) return false;
  switch (m.type) {
    case "appendResponse":
      return onAppendResponse(s, from, incarnation, untrusted, m);
    case "heartbeatResponse":
      return onHeartbeatResponse(s, from, incarnation, untrusted, m);
    case "voteResponse":
      return onVoteResponse(s, from, epoch, m.granted);
    default:
      return unreachable(m, "response");
  }
}

/**
 * An answer from a later epoch. From a member it ends this one's, so that a member stuck ahead alone comes back into the
 * group; from somebody who is not (a removed member) it means nothing. A deposed leader stands again soon: its
 * followers know it, so the group loses little time. Not one that was handing over: the later epoch is that of the
 * election it asked for, whose own message is still on its way.
 */
function onHigherEpoch(s: RaftState, from: MemberId, epoch: number): boolean {
  if (!isMember(s.memberships.active, from)) return false;
  const wasDeposed = s.lead !== null && s.lead.transfer === null;
  becomeFollower(s, epoch, 0n, `${name(from)} is in epoch ${epoch}`);
  if (wasDeposed && mayCampaign(s)) hurryElection(s, 0);
  return true;
}
