/** Commit protocols: what is promised, decided, remembered, and in which epoch. */
import type { Defect } from "../defect.ts";

const coordinator2 = "src/transactions/protocol/two-phase/coordinator.ts";
const participant2 = "src/transactions/protocol/two-phase/participant.ts";
const coordinator3 = "src/transactions/protocol/three-phase/coordinator.ts";
const participant3 = "src/transactions/protocol/three-phase/participant.ts";
const termination = "src/transactions/protocol/three-phase/termination.ts";
const rStar =
  "Mohan, Lindsay, Obermarck, Transaction Management in the R* Distributed Database Management System (1986)";
const textbook = "Bernstein, Hadzilacos, Goodman, Concurrency Control and Recovery in Database Systems, chapter 7";

function defect(name: string, what: string, source: string, file: string, text: string, replacement: string): Defect {
  return { name, room: "transactions", what, source, engine: "any", patches: [{ file, text, replacement }] };
}

export const transactions: readonly Defect[] = [
  defect(
    "commit-said-before-durable",
    "The coordinator tells that it is committed before its record is on disk: a crash forgets it, and others are told to abort.",
    rStar,
    coordinator2,
    'force({ type: "committed", epoch, participants: yes })',
    'note({ type: "committed", epoch, participants: yes })',
  ),
  defect(
    "promise-not-durable",
    "A participant says yes while its promise is still on its way to the disk: a crash takes it back after all was committed.",
    rStar,
    participant2,
    'force({ type: "prepared", epoch })',
    'note({ type: "prepared", epoch })',
  ),
  defect(
    "forgotten-vote",
    "The coordinator does not wait for the last vote: it commits what one participant never promised.",
    textbook,
    coordinator2,
    "voted.yes.length + voted.readOnly.length < voted.participants.length",
    "voted.yes.length + voted.readOnly.length < voted.participants.length - 1",
  ),
  defect(
    "duplicate-promise-counted",
    "Votes are counted, not collected: a yes that arrives twice stands for a participant that has not voted.",
    textbook,
    coordinator2,
    "  if (phase.yes.includes(from) || phase.readOnly.includes(from)) return stay(state);\n",
    "  if (phase.yes.includes(from)) return decide(options, state, phase, now);\n",
  ),
  defect(
    "refusal-counted-as-vote",
    "A no is counted with those that change nothing: what a participant has refused is committed by the others.",
    textbook,
    coordinator2,
    'if (vote === "no") return abort(state, { ...phase, participants: without(phase.participants, [from]) });\n  const voted: Preparing = { ...phase, [vote]: withProcess(phase[vote], from) };',
    'const kind = vote === "no" ? "readOnly" : vote;\n  const voted: Preparing = { ...phase, [kind]: withProcess(phase[kind], from) };',
  ),
  defect(
    "reused-transaction-epoch",
    "After a crash the coordinator uses an epoch again: late votes about the former transaction count for the next one.",
    "Kafka KIP-890; https://jepsen.io/analyses/bufstream-0.1.0",
    coordinator2,
    "used: reserved, reserved, resendAt",
    "used: 0, reserved, resendAt",
  ),
  defect(
    "epoch-not-durable",
    "An epoch is used while its reservation is on its way to the disk: a crash makes the coordinator use it again.",
    "Kafka KIP-890",
    coordinator2,
    'force<Record>({ type: "reserved", epoch: reserved })',
    'note<Record>({ type: "reserved", epoch: reserved })',
  ),
  defect(
    "late-vote-of-older-epoch",
    "A vote counts for whatever transaction is under way: a late yes about the former one commits what was not promised.",
    "Kafka KIP-890; https://jepsen.io/analyses/bufstream-0.1.0",
    coordinator2,
    'phase.name === "preparing" && phase.epoch === epoch && phase.participants',
    'phase.name === "preparing" && phase.participants',
  ),
  defect(
    "late-commit-of-older-epoch",
    "A commit is carried out whatever epoch it is about: a delayed one commits a later transaction that is then aborted.",
    "https://jepsen.io/analyses/bufstream-0.1.0",
    participant2,
    'if (phase.name === "prepared" && phase.epoch === epoch) return commit(options, epoch);',
    'if (phase.name === "prepared") return commit(options, phase.epoch);',
  ),
  defect(
    "abort-after-commit-record",
    "A coordinator whose patience ends aborts although it has decided: some have committed already.",
    textbook,
    coordinator2,
    '  if (due === "limit" && phase.name === "preparing") return abort(state, phase);',
    '  if (due === "limit" && phase.name === "preparing") return abort(state, phase);\n  if (phase.name === "committing") return abort(state, { name: "preparing", epoch: phase.epoch, participants: phase.waiting, yes: [], readOnly: [] });',
  ),
  defect(
    "commit-forgotten-too-early",
    "The coordinator forgets a commit with the first acknowledgement: who asks later is told to abort.",
    rStar,
    coordinator2,
    '  if (waiting.length > 0) return stay({ ...state, phase: { ...phase, waiting } });\n  return toIdle(state, [note({ type: "ended", epoch })]);',
    '  return toIdle(state, [note({ type: "ended", epoch })]);',
  ),
  defect(
    "undecided-presumed-aborted",
    "Who asks while the votes are still counted is told to abort: the others may yet commit.",
    rStar,
    coordinator2,
    'if (phase.name === "idle" || phase.epoch !== epoch) return answer(state, from, epoch, "aborted");\n  return phase.name === "committing" ? answer(state, from, epoch, "committed") : stay(state);',
    'return phase.name === "committing" && phase.epoch === epoch ? answer(state, from, epoch, "committed") : answer(state, from, epoch, "aborted");',
  ),
  defect(
    "lone-aborter",
    "A participant in doubt runs out of patience and aborts on its own, after it has promised not to.",
    "heuristic decisions, X/Open XA specification §2.3.3",
    participant2,
    '  if (phase.name !== "prepared") return stay(state);\n  return {\n    state: { ...state, resendAt',
    '  if (phase.name !== "prepared") return stay(state);\n  if (phase.epoch > 0) return onAbort(state, phase.epoch);\n  return {\n    state: { ...state, resendAt',
  ),
  defect(
    "recovery-forgets-promise",
    "A participant that comes back does not remember what it has promised, and never commits what the others have.",
    rStar,
    participant2,
    "  if (prepared === 0) return { state, effects: redo };",
    "  if (prepared >= 0) return { state, effects: redo };",
  ),
  defect(
    "reader-is-part-of-the-decision",
    "The votes of those that change nothing are taken for promises: all readers, and one that has not voted is left out.",
    rStar,
    coordinator2,
    "  if (yes.length === 0) return toIdle(state, [committed]);",
    "  if (yes.length <= 1) return toIdle(state, [committed]);",
  ),
  defect(
    "delegated-is-aborted",
    "The coordinator gives up the only participant after a while and says that it is aborted, while that one commits.",
    rStar,
    coordinator2,
    '  if (due === null || phase.name === "idle") return stay(state);',
    '  if (due === null || phase.name === "idle") return stay(state);\n  if (phase.name === "delegated") return toIdle(state, [conclude(phase.epoch, "aborted")]);',
  ),
  defect(
    "pre-commit-not-durable",
    "A 3PC coordinator says pre-commit before its record is on disk: it comes back, aborts, and the others have committed.",
    "Skeen, Nonblocking Commit Protocols (1981)",
    coordinator3,
    'force({ type: "preCommitted", epoch }),\n      ...sendAll',
    'note({ type: "preCommitted", epoch }),\n      ...sendAll',
  ),
  defect(
    "pre-commit-taken-as-doubt",
    "A 3PC leader does not look at who is pre-committed, and aborts what others may have committed.",
    textbook,
    termination,
    "  if (!isPreCommitted(doubt, heard)) return announce",
    "  if (heard.length >= 0) return announce",
  ),
  defect(
    "prepared-is-committed",
    "A 3PC leader commits when all that answer are prepared: one that has refused, or was never asked, has aborted.",
    textbook,
    termination,
    'return announce(options, state, doubt, "aborted");\n  const { epoch, round } = doubt;',
    'return announce(options, state, doubt, "committed");\n  const { epoch, round } = doubt;',
  ),
  defect(
    "returned-one-counts",
    "A 3PC leader lets one that was down count: it brings back a pre-commit that the others have gone on without.",
    textbook,
    participant3,
    'pursuit: { name: "recovered", heard: [] } };',
    'pursuit: { name: "following" } };',
  ),
  defect(
    "coordinator-decides-after-crash",
    "A 3PC coordinator that was down amid the pre-commits commits on its own: the others have aborted meanwhile.",
    textbook,
    coordinator3,
    '    case "preCommitted":\n      return {\n        state: {',
    '    case "preCommitted":\n      if (epoch > 0) return decide(options, state, participants, "committed", now);\n      return {\n        state: {',
  ),
  defect(
    "spreading-skipped",
    "A 3PC leader commits before the others know that all have agreed: it dies, and they find no reason not to abort.",
    "Skeen, Nonblocking Commit Protocols (1981)",
    termination,
    'const waiting = heard.filter(({ standing }) => standing === "prepared").map(({ from }) => from);',
    'const waiting = heard.filter(({ standing }) => standing !== "prepared" && standing !== "preCommitted").map(({ from }) => from);',
  ),
];
