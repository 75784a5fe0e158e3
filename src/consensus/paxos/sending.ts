/** What a leader sends its peers: values, heartbeats, and the wish for a snapshot where values are forgotten. */
import { entryOverheadBytes } from "../parts/entry-log.ts";
import { name } from "../parts/name.ts";
import type { Progress } from "./progress.ts";
import { confirmedBeat } from "./reads.ts";
import type { Leadership, PaxosState } from "./state.ts";

/** Sends a peer what its window has room for. */
export function sendValues(s: PaxosState, p: Progress): void {
  const last = lastFor(s, p);
  while (p.state === "replicate" && p.next <= last && !p.windowFull) {
    if (p.next <= s.log.base.index) return wantSnapshot(s, p);
    const bytes = sendAccept(s, p, p.next, last);
    p.sent(Math.min(p.next + bytes.count - 1, last), bytes.bytes);
  }
}

/** Sends again what a peer misses, from slot `from` to `to`, as far as one window reaches. */
export function sendAgain(s: PaxosState, p: Progress, from: number, to: number): void {
  const last = Math.min(to, lastFor(s, p));
  for (let left = s.options.maxInflightMessages; left > 0 && from <= last; left--) {
    if (from <= s.log.base.index) return wantSnapshot(s, p);
    from += sendAccept(s, p, from, last).count;
  }
}

/** Without values: its acknowledgement tells what is durable there. */
export function sendEmptyAccept(s: PaxosState, p: Progress): void {
  const decided = toldTo(s, p);
  s.send(p.id, { type: "accept", session: p.session, first: p.match + 1, decided, entries: [] });
  p.sentDecided = decided;
}

function sendAccept(s: PaxosState, p: Progress, first: number, last: number): { count: number; bytes: number } {
  const found = s.log.sliceBytes(first, s.options.maxMessageBytes);
  const entries = first + found.length - 1 > last ? found.slice(0, last - first + 1) : found;
  const decided = toldTo(s, p);
  s.send(p.id, { type: "accept", session: p.session, first, decided, entries });
  p.sentDecided = decided;
  let bytes = 0;
  for (const entry of entries) bytes += entry.data.length + entryOverheadBytes;
  return { count: entries.length, bytes };
}

/** A removed peer gets no more than its removal, and the slot behind it, which shows it that it can go. */
function lastFor(s: PaxosState, p: Progress): number {
  return p.departing === null ? s.log.lastIndex : Math.min(s.log.lastIndex, p.departing.index + 1);
}

/**
 * What a peer is told of decisions. A removed one, whose machine may then be taken away, learns of its removal when a
 * slot behind it is decided: by then a quorum of those that stay knows of the change for ever.
 */
export function toldTo(s: PaxosState, { departing }: Progress): number {
  if (departing === null) return s.decided;
  return s.decided > departing.index ? departing.index + 1 : Math.min(s.decided, departing.index - 1);
}

/** The values a peer needs are forgotten: asks for a snapshot to be sent, if the peer is there to take it. */
function wantSnapshot(s: PaxosState, p: Progress): void {
  if (p.incarnation === 0 || p.lastHeard < s.now - s.options.electionTimeoutMs) {
    // Nobody listens: the next heartbeat that is answered comes back here.
    p.becomeProbe();
    return;
  }
  const { index } = s.log.base;
  p.becomeSnapshot(index);
  s.out.sendSnapshot.push({ to: p.id, index });
  s.notice("info", `${name(p.id)} is behind slot ${s.log.firstIndex} and gets a snapshot`, {
    peer: name(p.id),
    match: p.match,
    index,
  });
}

/**
 * Starts a round of heartbeats, a beat. All reads that arrived before it are confirmed by it. `timed`: the regular one,
 * whose answers also show what got lost.
 */
export function startBeat(s: PaxosState, lead: Leadership, timed: boolean): void {
  lead.beat++;
  lead.reads.batch(lead.beat, s.decided);
  for (const p of lead.progress.values()) {
    if (timed && p.watch === null && p.state === "replicate" && p.next > p.match + 1) {
      p.watch = { beat: lead.beat, next: p.next };
    }
    sendHeartbeat(s, lead, p, true);
  }
}

/** Tells the decided index; asks for an answer if `answer`. */
export function sendHeartbeat(s: PaxosState, lead: Leadership, p: Progress, answer: boolean): void {
  const decided = toldTo(s, p);
  s.send(p.id, {
    type: "heartbeat",
    session: p.session,
    toIncarnation: p.incarnation,
    beat: lead.beat,
    sentAt: s.now,
    decided,
    answer,
    trusted: p.untrusted && isRecovered(s, lead, p),
  });
  p.sentDecided = decided;
}

/**
 * Whether an untrusted peer may be believed again. It may have lost values it accepted and knows not which. By now a
 * quorum *without it* has confirmed this leadership and decided all the leader had proposed when the peer returned; every
 * value that its lost acceptances helped to choose is among those, and the peer holds them again.
 */
function isRecovered(s: PaxosState, lead: Leadership, p: Progress): boolean {
  const { recovery } = p;
  if (recovery === null || p.incarnation === 0) return false;
  return s.decided >= recovery.index && p.match >= recovery.index && confirmedBeat(s, lead) >= recovery.beat;
}
