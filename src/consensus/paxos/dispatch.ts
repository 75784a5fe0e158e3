/** Takes each message from a peer to the room it is for, and drops what is of no use. */
import type { MemberId } from "../../environment.ts";
import { unreachable } from "../../errors.ts";
import { DecodeError } from "../bytes.ts";
import { isMember } from "../membership.ts";
import { name } from "../parts/name.ts";
import { decodeMessage } from "./codec.ts";
import { onSurvey, onSurveyResponse } from "./election.ts";
import { onHeartbeat, onHeartbeatResponse } from "./heartbeat.ts";
import type { Envelope, Message } from "./messages.ts";
import { onNack, onPrepare, onPromise } from "./proposer.ts";
import { onReadRequest, onReadResponse } from "./reads.ts";
import { onAccept, onAccepted } from "./replication.ts";
import { becomeFollower } from "./role.ts";
import { hurryElection, mayCampaign } from "./standing.ts";
import type { PaxosState } from "./state.ts";
import { onTimeoutNow } from "./transfer.ts";

/** Bytes from a peer: reads them, notes who speaks, and takes them to their room. */
export function onMessage(s: PaxosState, from: MemberId, bytes: Uint8Array): void {
  let envelope: Envelope;
  let message: Message;
  try {
    ({ envelope, message } = decodeMessage(bytes));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return drop(s, from, error.message);
  }
  if (from === s.id || from === 0n) {
    s.dropped++;
    return;
  }
  if (envelope.phase2 !== s.phase2) {
    return drop(s, from, `its flexibleQuorum.phase2 is ${envelope.phase2 || "none"}, here it is ${s.phase2 || "none"}`);
  }
  notePeer(s, from, envelope);
  if (!dispatch(s, from, envelope, message)) s.dropped++;
}

/** Told at the 1st, 2nd, 4th, 8th, ...: a peer gone mad must not fill the log. */
function drop(s: PaxosState, from: MemberId, why: string): void {
  s.dropped++;
  if ((s.dropped & (s.dropped - 1)) !== 0) return;
  s.notice("warn", `dropped a message from ${name(from)}: ${why}`, { from: name(from) });
}

function notePeer(s: PaxosState, from: MemberId, envelope: Envelope): void {
  const { priority } = envelope;
  if (s.priorities.get(from) !== priority && isMember(s.membership, from)) s.priorities.set(from, priority);
  const p = s.lead?.progress.get(from);
  if (p !== undefined) p.stalled = envelope.stalled;
}

/** False: the message was of no use (late, or from somebody with no business here). */
function dispatch(s: PaxosState, from: MemberId, envelope: Envelope, m: Message): boolean {
  const { round, incarnation, untrusted } = envelope;
  switch (m.type) {
    case "accept":
      return onAccept(s, from, round, m);
    case "heartbeat":
      return onHeartbeat(s, from, round, m);
    case "survey":
      onSurvey(s, from, envelope, m.first);
      return true;
    case "prepare":
      onPrepare(s, from, envelope, m);
      return true;
    case "timeoutNow":
      return onTimeoutNow(s, from, round);
    case "readRequest":
      onReadRequest(s, from, m.token);
      return true;
    case "readResponse":
      return onReadResponse(s, from, m.token, m.index, m.ok);
    case "accepted":
    case "heartbeatResponse":
    case "surveyResponse":
    case "promise":
    case "nack":
      break;
    default:
      return unreachable(m, "message");
  }
  if (round > s.round) return onHigherRound(s, from, round);
  if (m.type === "surveyResponse") return onSurveyResponse(s, from, m.asked, m.granted);
  if (m.type === "nack") return onNack(s, from, m.asked);
  if (round < s.round) return false;
  switch (m.type) {
    case "accepted":
      return onAccepted(s, from, incarnation, untrusted, m);
    case "heartbeatResponse":
      return onHeartbeatResponse(s, from, incarnation, untrusted, m);
    case "promise":
      return onPromise(s, from, envelope, m);
    default:
      return unreachable(m, "response");
  }
}

/**
 * An answer from a later round. From a member it ends this one's, so that a member stuck ahead alone comes back into the
 * group; from somebody who is not (a removed member) it means nothing. A deposed leader stands again soon: its
 * followers know it, so the group loses little time.
 */
function onHigherRound(s: PaxosState, from: MemberId, round: number): boolean {
  if (!isMember(s.membership, from) && !isMember(s.memberships.active, from)) return false;
  const wasDeposed = s.lead !== null && s.lead.transfer === null;
  becomeFollower(s, round, 0n, `${name(from)} promised round ${round}`);
  if (wasDeposed && mayCampaign(s)) hurryElection(s, 0);
  return true;
}
