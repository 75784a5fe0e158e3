/** Multi-Paxos: ballots, promises, acceptances, and what a new leader makes of them. */
import type { Defect } from "../defect.ts";

const proposer = "src/consensus/paxos/proposer.ts";
const choice = "src/consensus/paxos/choice.ts";
const replication = "src/consensus/paxos/replication.ts";
const quorums = "src/consensus/paxos/quorums.ts";
const acceptor = "src/consensus/paxos/acceptor.ts";
const candidacy = "src/consensus/paxos/candidacy.ts";

const HIGHEST_ROUND = "      if (best === null || slot.round > best.round) best = slot;";

/** What a promise is worth: phase 1. */
const promises: readonly Defect[] = [
  {
    name: "promise-before-durable",
    room: "consensus",
    what: "A promise leaves while it is on its way to the disk: a crash takes it back, and older ballots are accepted again.",
    source: "Lamport, Paxos Made Simple §2.5 (stable storage); phxpaxos acceptor.cpp OnPrepare",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "parts: parts.length, from, slots },\n      s.barrier,\n",
        replacement: "parts: parts.length, from, slots },\n",
      },
    ],
  },
  {
    name: "promise-not-saved",
    room: "consensus",
    what: "A promise is given and never written: after a restart the acceptor promises the same ballot to another proposer.",
    source: "Lamport, Paxos Made Simple §2.5; palantir/atlasdb#1508",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "    s.proposer = from;\n    s.saveState();\n",
        replacement: "    s.proposer = from;\n",
      },
    ],
  },
  {
    name: "ballot-used-again",
    room: "consensus",
    what: "A proposer prepares a ballot that is not on its disk: after a restart it proposes other values in the same one.",
    source: "haraldng/omnipaxos ballot_leader_election.rs, RECOVERY_ROUND; Chandra et al., Paxos Made Live §4",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: '    s.send(id, { type: "prepare", first, transfer }, s.writes.durable >= write ? 0 : write);',
        replacement: '    s.send(id, { type: "prepare", first, transfer });',
      },
      {
        file: proposer,
        text: "  return id === s.id ? s.writes.durable >= candidacy.write : candidacy.reports.has(id);",
        replacement: "  return id === s.id || candidacy.reports.has(id);",
      },
    ],
  },
  {
    name: "late-promise-counts",
    room: "consensus",
    what: "A promise for an earlier ballot of the same proposer counts for the present one: two may lead, on the word of one.",
    source: "Lamport, Paxos Made Simple §2.2; trex PrepareResponse property tests",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/dispatch.ts",
        text: "  if (round < s.round) return false;\n",
        replacement: '  if (round < s.round && m.type !== "promise") return false;\n',
      },
    ],
  },
  {
    name: "promise-part-taken-for-the-whole",
    room: "consensus",
    what: "Of a promise in several messages the first part counts as all of it: what the others report is overwritten.",
    source: "josehu07/summerset multipaxos/mod.rs (PrepareReply relies on the order of TCP)",
    engine: "paxos",
    patches: [
      { file: candidacy, text: "    if (this.#missing > 0) return null;\n", replacement: "" },
      {
        file: candidacy,
        text: "      if (each === undefined || each.from",
        replacement: "      if (each === undefined) break;\n      if (each.from",
      },
    ],
  },
  {
    name: "prepare-behind-the-own-log",
    room: "consensus",
    what: "Phase 1 asks only for slots behind the proposer's own last one: what others accepted in its gaps is overwritten.",
    source: "Kirsch and Amir, Paxos for System Builders (2008), recovery over all open slots; JPaxos doPrepareThisView",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "new Candidacy({ first: s.decided + 1, transfer,",
        replacement: "new Candidacy({ first: s.log.lastIndex + 1, transfer,",
      },
      {
        file: proposer,
        text: "  for (let index = s.decided + 1; index <= decided; index++) entries",
        replacement: "  for (let index = Math.max(first, s.decided + 1); index <= decided; index++) entries",
      },
      {
        file: proposer,
        text: "    reports.push(open.map((slot) => (slot.round === 0 ? null : slot)));",
        replacement:
          "    const unasked = Array.from({ length: Math.max(0, report.first - first) }, () => null);\n" +
          "    reports.push([...unasked, ...open.map((slot) => (slot.round === 0 ? null : slot))]);",
      },
    ],
  },
  {
    name: "untrusted-acceptor-promises",
    room: "consensus",
    what: "An acceptor that lost what it had accepted promises as if it had accepted nothing: chosen values are not reported.",
    source: "Chandra et al., Paxos Made Live §5.1 (disk corruption); Michael et al., Recovering Shared Objects (2017)",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "s.leader !== 0n || s.untrusted || !isAnswerable",
        replacement: "s.leader !== 0n || !isAnswerable",
      },
      {
        file: "src/consensus/paxos/election.ts",
        text: "asked > s.round && !s.untrusted && !isBound",
        replacement: "asked > s.round && !isBound",
      },
    ],
  },
  {
    name: "lease-promise-forgotten-in-phase-1",
    room: "consensus",
    what: "An acceptor that is bound to a leader's lease promises to another: the old leader answers reads that miss writes.",
    source: "Moraru, Andersen and Kaminsky, Paxos Quorum Leases (2014); summerset leaderlease.rs",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "  if (round < s.round || (!m.transfer && isBound(s, from))) return",
        replacement: "  if (round < s.round) return",
      },
      {
        file: "src/consensus/paxos/election.ts",
        text: "!s.untrusted && !isBound(s, from) && first",
        replacement: "!s.untrusted && first",
      },
    ],
  },
  {
    name: "phase-1-forgets-flexible-quorums",
    room: "consensus",
    what: "With fewer acceptances to choose a value, phase 1 goes on with a majority: a new leader may hear of none of them.",
    source: "Howard, Malkhi and Spiegelman, Flexible Paxos (2016); tigerbeetle vsr.zig quorums()",
    engine: "paxos",
    patches: [
      {
        file: quorums,
        text: "  const size = Math.max(majority(voters), voters - accepting + 1);\n",
        replacement: "  const size = majority(voters);\n",
      },
      {
        file: quorums,
        text: "    size + accepting > voters && 2 * size > voters,\n",
        replacement: "    accepting > 0,\n",
      },
    ],
  },
];

/** What a new leader proposes for open slots. */
const choices: readonly Defect[] = [
  {
    name: "lowest-ballot-chosen",
    room: "consensus",
    what: "Of several values in a slot the one of the lowest ballot is proposed again: a chosen one may be replaced.",
    source: "Lamport, Paxos Made Simple, P2c",
    engine: "paxos",
    patches: [{ file: choice, text: HIGHEST_ROUND, replacement: HIGHEST_ROUND.replace(">", "<") }],
  },
  {
    name: "own-value-preferred",
    room: "consensus",
    what: "A new leader prefers what it accepted itself to values of higher ballots that others report.",
    source: "Lamport, Paxos Made Simple, P2c; Kirsch and Amir, Paxos for System Builders (2008)",
    engine: "paxos",
    patches: [{ file: choice, text: HIGHEST_ROUND, replacement: "      if (best === null) best = slot;" }],
  },
  {
    name: "reports-not-read",
    room: "consensus",
    what: "A new leader counts promises and does not look at what they report: it puts new commands into accepted slots.",
    source: "van Renesse and Altinbuken, Paxos Made Moderately Complex (2015), pmax",
    engine: "paxos",
    patches: [{ file: proposer, text: "  return reports;\n", replacement: "  return reports.slice(0, 1);\n" }],
  },
  {
    name: "accepted-value-taken-for-a-gap",
    room: "consensus",
    what: "A slot that only a minority of the promises reports gets a no-op: the others of its quorum were just not asked.",
    source: "Lamport, Paxos Made Simple §2.2 (any value reported binds); JPaxos fillWithNoOperation",
    engine: "paxos",
    patches: [
      {
        file: choice,
        text: "    highest.push(best);\n",
        replacement:
          "    const told = reports.filter((report) => (report[at] ?? null) !== null).length;\n" +
          "    highest.push(2 * told > reports.length ? best : null);\n",
      },
    ],
  },
  {
    name: "falling-value-of-the-lower-ballot-kept",
    room: "consensus",
    what: "Of two values whose epochs fall the one of the higher ballot is dropped: it may have been chosen.",
    source: "Lamport, Paxos Made Simple, P2c; docs/internals/paxos.md, I1",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/rising.ts",
        text: "      if (before.round > slot.round) {",
        replacement: "      if (before.round < slot.round) {",
      },
    ],
  },
];

/** What an acceptance is worth: phase 2. */
const acceptances: readonly Defect[] = [
  {
    name: "acceptance-before-durable",
    room: "consensus",
    what: "An acceptance leaves while it is on its way to the disk: a crash of two takes back what was decided.",
    source: "Lamport, Paxos Made Simple §2.5; phxpaxos acceptor.cpp OnAccept",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: "held: heldIn(s, ack.round) }, s.barrier);",
        replacement: "held: heldIn(s, ack.round) });",
      },
    ],
  },
  {
    name: "proposer-counts-itself-early",
    room: "consensus",
    what: "A leader counts its own acceptance before that is on its disk: together with one other it decides what it may lose.",
    source: "etcd-io/etcd#14370; Paxos Made Live §5.1",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: "    if (id === s.id) return s.writes.durable >= lead.acceptWrite ? s.writes.durableIndex : 0;",
        replacement: "    if (id === s.id) return s.log.lastIndex;",
      },
    ],
  },
  {
    name: "taken-over-value-counted-in-its-old-ballot",
    room: "consensus",
    what: "A leader counts itself for values it took over, while its disk still says it accepted them in an older ballot.",
    source: "JPaxos doPrepareThisView (propose and journal again under the new view)",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: "    if (id === s.id) return s.writes.durable >= lead.acceptWrite ? s.writes.durableIndex : 0;",
        replacement: "    if (id === s.id) return s.writes.durableIndex;",
      },
    ],
  },
  {
    name: "new-ballot-of-an-old-value-not-saved",
    room: "consensus",
    what: "A value accepted again in a higher ballot keeps its old one on disk: a later leader prefers another to it.",
    source: "Lamport, Paxos Made Simple §2.5; trex Journal (accepts are written again)",
    engine: "paxos",
    patches: [
      {
        file: acceptor,
        text: "  if (s.ballots.replace(first, rounds)) s.saveState();\n",
        replacement: "  s.ballots.replace(first, rounds);\n",
      },
    ],
  },
  {
    name: "acceptances-of-ballots-added-up",
    room: "consensus",
    what: "An acceptor acknowledges whatever it holds, of any ballot: acceptances of different ones choose a value together.",
    source: "Lamport, The Part-Time Parliament §2; Paxos.tla ChosenAt",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: '  s.send(ack.to, { type: "accepted", session: ack.session, held: heldIn(s, ack.round) }, s.barrier);',
        replacement:
          "  let held = heldIn(s, ack.round);\n" +
          "  while (held < s.log.lastIndex && s.ballots.at(held + 1) !== 0) held++;\n" +
          '  s.send(ack.to, { type: "accepted", session: ack.session, held }, s.barrier);',
      },
    ],
  },
  {
    name: "gap-acknowledged",
    room: "consensus",
    what: "An acceptor that holds a late slot acknowledges those before it, too, although one of them never arrived.",
    source: "haraldng/omnipaxos util.rs MessageStatus (DroppedPreceding); trex takeWhile(chosen)",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: '  s.send(ack.to, { type: "accepted", session: ack.session, held: heldIn(s, ack.round) }, s.barrier);',
        replacement:
          "  const held = s.ballots.lastRound === ack.round ? s.log.lastIndex : heldIn(s, ack.round);\n" +
          '  s.send(ack.to, { type: "accepted", session: ack.session, held }, s.barrier);',
      },
    ],
  },
  {
    name: "old-proposal-in-the-new-ballot",
    room: "consensus",
    what: "A late proposal of a deposed leader is not refused, but taken as one of the ballot that was promised since.",
    source: "Lamport, Paxos Made Simple, P1a; trex AcceptPropertyTests",
    engine: "paxos",
    patches: [
      {
        file: replication,
        text: '  if (round < s.round) {\n    s.send(from, { type: "nack", asked: round });\n    return true;\n  }\n',
        replacement: "  if (round < s.round) return accept(s, from, s.round, m.entries);\n",
      },
    ],
  },
  {
    name: "decided-index-believed",
    room: "consensus",
    what: "A leader's decided index is believed of whatever lies in those slots here, also of values of other ballots.",
    source: "research on catch-up: trex Fixed(slot, ballot); JPaxos CatchUp.java; etcd-io/etcd#10166",
    engine: "paxos",
    patches: [
      {
        file: acceptor,
        text: "  const index = Math.min(s.toldDecided, heldIn(s, s.round));",
        replacement: "  const index = Math.min(s.toldDecided, s.log.lastIndex);",
      },
    ],
  },
  {
    name: "decided-index-outlives-its-values",
    room: "consensus",
    what: "A decided index that was saved is believed of a log that lost its last writes: older values are given out there.",
    source: "found by the simulator: seed 200596 with Paxos (docs/internals/simulation.md)",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/state.ts",
        text: "    this.decided = start.untrusted ? base.index : Math.max(",
        replacement: "    this.decided = Math.max(",
      },
    ],
  },
  {
    name: "former-life-counts",
    room: "consensus",
    what: "What an acceptor acknowledged before its restart goes on to count: a wiped disk holds nothing of it.",
    source: "palantir/atlasdb#1508; Michael et al., Recovering Shared Objects (2017)",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/progress.ts",
        text: "    this.match = 0;\n    this.incarnation = 0;\n",
        replacement: "    this.incarnation = 0;\n",
      },
    ],
  },
  {
    name: "learner-accepts-for-voters",
    room: "consensus",
    what: "Acceptances of learners count as those of voters do: a value is decided that no quorum of voters has.",
    source: "Lamport, Paxos Made Simple §2.3 (learners are no acceptors)",
    engine: "paxos",
    patches: [
      {
        file: quorums,
        text: "  const { voters } = membership;\n  if (voters.length === 0) return 0;\n",
        replacement:
          "  const voters = [...membership.voters, ...membership.learners];\n  if (membership.voters.length === 0) return 0;\n",
      },
      {
        file: quorums,
        text: "  return values[phase2Size(voters.length, configured) - 1] as number;",
        replacement: "  return values[phase2Size(membership.voters.length, configured) - 1] as number;",
      },
    ],
  },
  {
    name: "reads-before-the-own-no-op",
    room: "consensus",
    what: "A new leader answers reads before a value of its own ballot is decided: it may not know what others decided.",
    source: "Chandra et al., Paxos Made Live §5.2; summerset quorumread.rs",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/reads.ts",
        text: "  if (!s.settled) lead.reads.park(asker);\n  else if (leaseHolds",
        replacement: "  if (leaseHolds",
      },
    ],
  },
];

/** Changes of membership. */
const memberships: readonly Defect[] = [
  {
    name: "no-phase-1-with-new-members",
    room: "consensus",
    what: "Who finds an undecided change of membership stands without asking the members that it brings: they may have a leader.",
    source: "Lamport, Malkhi and Zhou, Reconfiguring a State Machine (2010), §3; docs/internals/paxos.md, rule 2",
    engine: "paxos",
    patches: [
      {
        file: proposer,
        text: "    if (!mayGoOn(s, candidacy, next) || !isPromised(s, candidacy, next)) return;\n",
        replacement: "",
      },
      {
        file: "src/consensus/paxos/election.ts",
        text: "  for (const membership of [s.membership, s.memberships.active]) {",
        replacement: "  for (const membership of [s.membership]) {",
      },
      {
        file: "src/consensus/paxos/election.ts",
        text: "  if (hasPhase1(s.membership, phase2, yes) && hasPhase1(s.memberships.active, phase2, yes)) startElection",
        replacement: "  if (hasPhase1(s.membership, phase2, yes)) startElection",
      },
    ],
  },
  {
    name: "decided-change-not-saved",
    room: "consensus",
    what: "That a change of membership is decided is not written with what comes behind it: a restart takes the old members.",
    source: "Howard et al., Liskov's Viewstamped Replication Revisited §7; docs/internals/paxos.md, rule 1",
    engine: "paxos",
    patches: [
      {
        file: "src/consensus/paxos/decided.ts",
        text: "  if (s.membership !== membership) s.saveState();\n",
        replacement: "",
      },
    ],
  },
];

export const paxos: readonly Defect[] = [...promises, ...choices, ...acceptances, ...memberships];
