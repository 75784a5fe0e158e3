/** Zab's own: epochs accepted and adopted, histories brought together, sessions, the end of an epoch. */
import type { Defect } from "../defect.ts";

const room = "src/consensus/zab";
const stateFile = `${room}/state.ts`;
const historyFile = `${room}/history.ts`;
const discovery = `${room}/discovery.ts`;
const synchronisation = `${room}/synchronisation.ts`;
const broadcast = `${room}/broadcast.ts`;
const consequences = `${room}/consequences.ts`;

export const zab: readonly Defect[] = [
  {
    name: "epoch-acknowledged-before-durable",
    room: "consensus",
    what: "An epoch is acknowledged while its acceptance is on its way to the disk: a crash, and a rival gets it, too.",
    source: "Zab (DSN 2011) §V, phase 1; ZooKeeper Learner.registerWithLeader (setAcceptedEpoch before ACKEPOCH)",
    engine: "zab",
    patches: [
      {
        file: discovery,
        text: "history: s.history, counts }, s.barrier);",
        replacement: "history: s.history, counts });",
      },
    ],
  },
  {
    name: "one-epoch-on-disk",
    room: "consensus",
    what: "Only the adopted epoch is kept on disk: who accepted a later one, and restarts, helps the leader of an older one.",
    source: "ZOOKEEPER-335 (acceptedEpoch and currentEpoch became two files)",
    engine: "zab",
    patches: [
      {
        file: stateFile,
        text: "    const { epoch: acceptedEpoch, acceptedFrom, currentEpoch, commit, untrusted } = this;",
        replacement:
          "    const { currentEpoch, commit, untrusted } = this;\n" +
          "    const acceptedEpoch = currentEpoch;\n    const acceptedFrom = 0n;",
      },
    ],
  },
  {
    name: "epoch-prepared-before-durable",
    room: "consensus",
    what: "A prospective leader asks others into its epoch, and counts itself, before its own acceptance is on disk.",
    source: "ZooKeeper Leader.getEpochToPropose (setAcceptedEpoch before LEADERINFO); Zab.tla LeaderProcessCEPOCH",
    engine: "zab",
    patches: [
      {
        file: `${room}/sending.ts`,
        text: '  const after = lead.phase === "discovery" ? lead.ownWrite : 0;',
        replacement: "  const after = 0;",
      },
      {
        file: discovery,
        text: "    id === s.id ? (s.writes.durable >= lead.ownWrite ? true : null) : (lead.acceptances.get(id) ?? null);",
        replacement: "    id === s.id ? true : (lead.acceptances.get(id) ?? null);",
      },
    ],
  },
  {
    name: "rival-gets-the-same-epoch",
    room: "consensus",
    what: "Who has accepted an epoch from one prospective leader helps another into the same one: two leaders of an epoch.",
    source: "ZooKeeper Learner.registerWithLeader (an epoch accepted before is answered with -1, which does not count)",
    engine: "zab",
    patches: [
      {
        file: discovery,
        text: "  if (epoch === s.epoch) return s.acceptedFrom === from && s.host === 0n && s.lead === null;",
        replacement: "  if (epoch === s.epoch) return s.leader === 0n && s.lead === null;",
      },
      {
        file: discovery,
        text: "  const counts = !leads && s.acceptedFrom === from;",
        replacement: "  const counts = !leads;",
      },
    ],
  },
  {
    name: "longer-zxid-wins",
    room: "consensus",
    what: "Histories are compared by their last zxid, not by the adopted epoch first: what was committed by its adoption goes.",
    source: "ZOOKEEPER-1154; Zab (DSN 2011) §V, phase 1 (currentEpoch, then zxid)",
    engine: "zab",
    patches: [
      {
        file: historyFile,
        text: "  return a.epoch - b.epoch || a.last.epoch - b.last.epoch || a.last.index - b.last.index;",
        replacement: "  return a.last.epoch - b.last.epoch || a.last.index - b.last.index;",
      },
    ],
  },
  {
    name: "leader-need-not-know-most",
    room: "consensus",
    what: "A prospective leader goes on although somebody who accepted its epoch knows more: what that one knows is dropped.",
    source: "ZooKeeper Leader.waitForEpochAck (follower is ahead of the leader); Zab.tla LeaderProcessACKEPOCH",
    engine: "zab",
    patches: [
      {
        file: discovery,
        text:
          "  if (compareHistories(m.history, s.history) > 0) {\n" +
          "    startLooking(s, `${name(p.id)} knows more: ${describeHistory(m.history)}`);\n    return true;\n  }\n",
        replacement: "",
      },
    ],
  },
  {
    name: "epoch-adopted-before-history",
    room: "consensus",
    what: "A follower takes the new epoch for its own with the first message of the history, and claims what it has not got.",
    source: "ZOOKEEPER-4643 (currentEpoch before the history is on disk)",
    engine: "zab",
    patches: [
      {
        file: broadcast,
        text: "  for (const entry of m.entries) take(s, entry);\n",
        replacement:
          "  if (s.currentEpoch !== s.epoch) {\n    s.currentEpoch = s.epoch;\n    s.saveState();\n  }\n" +
          "  for (const entry of m.entries) take(s, entry);\n",
      },
    ],
  },
  {
    name: "newleader-acknowledged-before-durable",
    room: "consensus",
    what: "NEWLEADER is acknowledged when the history is in memory: it is committed, and a crash takes it.",
    source: "ZOOKEEPER-4646, ZOOKEEPER-3911 (ACK of NEWLEADER before the transactions are logged)",
    engine: "zab",
    patches: [
      {
        file: broadcast,
        text: "  if (m.newLeader) adopt(s, stream.match);\n",
        replacement:
          "  if (m.newLeader) {\n    adopt(s, stream.match);\n" +
          "    const position = { index: stream.match, epoch: 0 };\n" +
          '    s.send(from, { type: "ack", session: stream.session, ok: true, adopted: true, position });\n  }\n',
      },
    ],
  },
  {
    name: "proposal-acknowledged-before-durable",
    room: "consensus",
    what: "A follower acknowledges proposals that are on their way to its disk: what a client was told is lost in a crash.",
    source: "Zab (DSN 2011) §V, phase 3; ZooKeeper SyncRequestProcessor before SendAckRequestProcessor",
    engine: "zab",
    patches: [
      {
        file: broadcast,
        text: '  s.send(ack.to, { type: "ack", session: ack.session, ok: true, adopted, position }, s.barrier);',
        replacement:
          "  const after = adopted && ack.index < s.log.lastIndex ? s.barrier : 0;\n" +
          '  s.send(ack.to, { type: "ack", session: ack.session, ok: true, adopted, position }, after);',
      },
    ],
  },
  {
    name: "leader-acknowledges-itself-early",
    room: "consensus",
    what: "A leader counts its own proposals, and its own adoption of the history, before they are on its disk.",
    source: "ZooKeeper AckRequestProcessor (the leader's own ACK comes behind its SyncRequestProcessor)",
    engine: "zab",
    patches: [
      {
        file: `${room}/commit.ts`,
        text: "    if (id === s.id) return s.writes.durable >= lead.ownWrite ? s.writes.durableIndex : 0;",
        replacement: "    if (id === s.id) return s.log.lastIndex;",
      },
      {
        file: synchronisation,
        text: "    if (id === s.id) return s.writes.durable >= lead.ownWrite;",
        replacement: "    if (id === s.id) return true;",
      },
    ],
  },
  {
    name: "leads-by-accepted-epochs",
    room: "consensus",
    what: "A leader begins to serve when a quorum has accepted its epoch; its history is called committed before a quorum has it.",
    source: "ZooKeeper Leader.waitForNewLeaderAck; ZAB 1.0, phase 2 (NEWLEADER is acknowledged by a quorum first)",
    engine: "zab",
    patches: [
      {
        file: synchronisation,
        text: "    return p !== undefined && p.synced && !p.untrusted && p.match >= lead.historyIndex;",
        replacement: "    return p !== undefined && p.incarnation !== 0 && !p.untrusted;",
      },
      {
        file: synchronisation,
        text: 'import { countCommit } from "./commit.ts";',
        replacement: 'import { advanceCommit, countCommit } from "./commit.ts";',
      },
      {
        file: synchronisation,
        text: "  countCommit(s, lead);\n",
        replacement:
          "  if (lead.historyIndex > s.commit) advanceCommit(s, lead.historyIndex);\n  else countCommit(s, lead);\n",
      },
    ],
  },
  {
    name: "counted-before-adoption",
    room: "consensus",
    what: "A late follower's disk counts before it has adopted the epoch: one who has, and holds less, goes before it.",
    source:
      "Zab (DSN 2011) §V, phase 2 (a follower takes part from its acknowledgement of NEWLEADER on); Zab.tla LeaderProcessACK",
    engine: "zab",
    patches: [
      {
        file: `${room}/commit.ts`,
        text: "    return p === undefined || p.untrusted || !p.synced ? 0 : p.match;",
        replacement: "    return p === undefined || p.untrusted ? 0 : p.match;",
      },
    ],
  },
  {
    name: "uptodate-before-history",
    room: "consensus",
    what: "A follower is told what is committed before it has the leader's history, and commits what it has at those places.",
    source: "ZooKeeper specifications, protocol-spec, issue 1 (COMMIT only to those that acknowledged NEWLEADER)",
    engine: "zab",
    patches: [
      {
        file: `${room}/sending.ts`,
        text: '  const commitIndex = p.synced && s.role === "leader" ? s.commit : 0;',
        replacement: '  const commitIndex = s.role === "leader" ? s.commit : 0;',
      },
      {
        file: `${room}/heartbeat.ts`,
        text:
          "  if (m.commitIndex > s.commit && s.currentEpoch === s.epoch && s.log.epochAt(m.commitIndex) === m.commitEpoch) {\n" +
          "    advanceCommit(s, m.commitIndex);\n  }\n",
        replacement:
          "  const told = Math.min(m.commitIndex, s.log.lastIndex);\n  if (told > s.commit) advanceCommit(s, told);\n",
      },
    ],
  },
  {
    name: "trunc-by-number",
    room: "consensus",
    what: "Where two histories part is told by an index alone: another epoch's entry there is kept, and taken for the leader's.",
    source: "ZooKeeper LearnerHandler.syncFollower (no TRUNC across the beginning of an epoch); ZOOKEEPER-3526",
    engine: "zab",
    patches: [
      {
        file: synchronisation,
        text: "  if (log.holds(hint)) return { index: hint.index, sure: true };",
        replacement: "  if (hint.index <= log.lastIndex) return { index: hint.index, sure: true };",
      },
      {
        file: broadcast,
        text: "  const holds = known === null ? m.prevIndex <= s.commit : known === m.prevEpoch;",
        replacement: "  const holds = known === null ? m.prevIndex <= s.commit : known <= m.prevEpoch;",
      },
    ],
  },
  {
    name: "snapshot-keeps-stale-tail",
    room: "consensus",
    what: "A snapshot that ends within the log leaves it as it is: entries that the leader never had are taken for its own.",
    source: "ZOOKEEPER-2845, ZOOKEEPER-3104 (what a follower kept from before its synchronisation)",
    engine: "zab",
    patches: [
      {
        file: `${room}/snapshot.ts`,
        text: "  if (s.log.holds(snapshot)) {",
        replacement: "  if (s.log.lastIndex >= snapshot.index) {",
      },
    ],
  },
  {
    name: "gap-not-noticed",
    room: "consensus",
    what: "A message of a session is missing, and the next is taken if the log is long enough: an old tail stays beneath it.",
    source: "Zab (DSN 2011) §II (channels keep the order); ZOOKEEPER-4925 (Learner.enforceContinuousProposal)",
    engine: "zab",
    patches: [
      {
        file: `${room}/session.ts`,
        text: '  return counter === stream.expected ? "next" : "gap";',
        replacement: '  return "next";',
      },
      {
        file: broadcast,
        text: "  if (m.prevIndex !== stream.match || contradicts(s, from, m)) {",
        replacement: "  if (m.prevIndex > s.log.lastIndex || contradicts(s, from, m)) {",
      },
    ],
  },
  {
    name: "former-life-acknowledges",
    room: "consensus",
    what: "What a member acknowledged before it lost its disk goes on counting: entries are committed that it has not got.",
    source:
      "Zab (DSN 2011) §III (a process that recovers keeps its history); Michael et al., Recovering Shared Objects Without Stable Storage (DISC 2017)",
    engine: "zab",
    patches: [
      {
        file: `${room}/progress.ts`,
        text: "    this.matchBefore = Math.max(this.matchBefore, this.match);\n    this.match = 0;\n    this.next = 1;\n    this.synced = false;\n",
        replacement: "",
      },
    ],
  },
  {
    name: "epoch-ends-without-discovery",
    room: "consensus",
    what: "When the counter is used up the leader goes on in the next epoch, which nobody accepted: another may have it, too.",
    source: "ZOOKEEPER-1277 (the counter flows over into the epoch); ZOOKEEPER-4883",
    engine: "zab",
    patches: [
      {
        file: stateFile,
        text: "{ entriesPerEpoch: 2 ** 32 - 1 }",
        replacement: "{ entriesPerEpoch: 20 }",
      },
      {
        file: consequences,
        text: 'import { startDiscovery } from "./discovery.ts";',
        replacement:
          'import { EntryKind } from "../engine.ts";\nimport { startDiscovery } from "./discovery.ts";\n' +
          'import { appendOwn } from "./leadership.ts";',
      },
      {
        file: consequences,
        text: "s.limits.entriesPerEpoch) endEpoch(s);",
        replacement: "s.limits.entriesPerEpoch && s.commit === s.log.lastIndex) endEpoch(s, s.leading);",
      },
      {
        file: consequences,
        text:
          "function endEpoch(s: ZabState): void {\n" +
          "  startDiscovery(s, s.epoch + 1, false, `the ${s.limits.entriesPerEpoch} entries of epoch ${s.epoch} are used up`);\n",
        replacement:
          "function endEpoch(s: ZabState, lead: Leadership): void {\n" +
          "  s.epoch++;\n  s.currentEpoch = s.epoch;\n  s.saveState();\n" +
          "  lead.historyIndex = s.log.lastIndex;\n  appendOwn(s, lead, EntryKind.noop, new Uint8Array(0));\n",
      },
    ],
  },
  {
    name: "sync-asks-the-leader-alone",
    room: "consensus",
    what: "A leader answers reads without asking a quorum, as ZooKeeper's sync does: a deposed one shows the past.",
    source: "ZooKeeper's sync (not linearizable, by its documentation); Zab (DSN 2011) says nothing of reads",
    engine: "zab",
    patches: [
      {
        file: `${room}/reads.ts`,
        text: "  else lead.reads.add(asker);",
        replacement: "  else answer(s, asker, s.commit);",
      },
    ],
  },
  {
    name: "lone-leader-stays",
    room: "consensus",
    what: "A leader that hears no quorum goes on leading: those who hear it wait for ever for a write to be committed.",
    source: "ZooKeeper Leader.lead (no quorum of synced followers at a tick: shuts down); Zab (DSN 2011) §V",
    engine: "zab",
    patches: [
      {
        file: `${room}/zab.ts`,
        text: '  if (lead.phase !== "discovery" && !hearsQuorum(s, lead))\n    return giveUp(s, `heard no quorum for ${electionTimeoutMs} ms`);\n',
        replacement: "",
      },
    ],
  },
];
