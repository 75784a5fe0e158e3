/**
 * Finding out who is the highest (Garcia-Molina 1982, in the three messages of the textbooks: election, answer,
 * coordinator).
 *
 *     listening --its turn--> candidate --answered--> waiting --T2--> candidate ...
 *                                 |                      |
 *                                 +--T1: leads           +--a leader says so: follows
 *
 * One who is a candidate or waits already does not begin again because somebody lower asks it.
 */
import type { MemberId } from "../../environment.ts";
import type { BullyEnvelope, BullyMessage } from "./messages.ts";
import { forgetLeader, lead } from "./office.ts";
import type { BullyState } from "./state.ts";

type ElectionMessage = Extract<BullyMessage, { type: "election" }>;
type AnswerMessage = Extract<BullyMessage, { type: "answer" }>;

/** The wait for a leader doubles with each election in a row that brought none, this often. */
export const mostDoublings = 3;

/** Asks everybody higher; who has nobody above leads. */
export function beginElection(s: BullyState, why: string): void {
  const higher = s.ranking.above(s.id);
  forgetLeader(s);
  if (higher.length === 0) return lead(s);
  s.round++;
  s.role = "candidate";
  s.deadline = s.now + s.options.answerTimeoutMs;
  s.notice("debug", `asks ${higher.length} higher members: ${why}`, { round: s.round });
  s.send({ type: "election", round: s.round, takesOver: s.options.preempt }, higher);
}

/** False: of no use. Somebody higher need not ask: it does if its owner named other numbers, and leads by silence. */
export function onElection(s: BullyState, from: MemberId, envelope: BullyEnvelope, election: ElectionMessage): boolean {
  if (s.ranking.outranks(from, s.id)) return false;
  const { incarnation, generation } = envelope;
  const { round, takesOver } = election;
  s.learn(generation);
  // This one is content with a leader that the asking one is above of: that one may have it.
  if (takesOver && s.role === "follower" && s.ranking.outranks(from, s.leader)) return true;
  s.send({ type: "answer", round, toIncarnation: incarnation }, [from]);
  if (s.role === "leader") {
    s.send({ type: "coordinator" }, [from]);
    return true;
  }
  const isNoLeader = from === s.leader && (incarnation !== s.leaderIncarnation || generation >= s.leaderGeneration);
  // A follower that hears its leader leaves it at the answer: one that only lost its own link must not move the others.
  if (s.role === "listening" || isNoLeader) beginElection(s, "somebody lower asked");
  return true;
}

/** False: late, or of somebody with no say. */
export function onAnswer(s: BullyState, from: MemberId, envelope: BullyEnvelope, answer: AnswerMessage): boolean {
  if (answer.toIncarnation !== s.options.incarnation || answer.round !== s.round) return false;
  if (s.ranking.outranks(s.id, from)) return false;
  s.learn(envelope.generation);
  if (s.role !== "candidate") return true;
  const { answerTimeoutMs, coordinatorTimeoutMs } = s.options;
  s.role = "waiting";
  s.lenient = false;
  s.deadline =
    s.now + coordinatorTimeoutMs * 2 ** Math.min(s.tries, mostDoublings) + answerTimeoutMs * s.random.fraction();
  return true;
}

/** T2 is over. */
export function beginAnew(s: BullyState): void {
  s.tries++;
  beginElection(s, "the one that answered did not take office");
}
