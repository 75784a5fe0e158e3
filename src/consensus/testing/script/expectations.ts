/** What a script can say must hold, beside what is recorded. */
import type { MemberId } from "../../../environment.ts";
import { describeMembership } from "../../membership.ts";
import type { Bench } from "./bench.ts";
import { type Command, Commands, type Slots } from "./patterns.ts";
import { place, wordEntry } from "./wording.ts";

/** A statement of a scenario does not hold. */
export class ExpectationFailed extends Error {
  override readonly name = "ExpectationFailed";
}

/** Compares as text; the message has what was found and how all members stand. */
function demand(bench: Bench, found: unknown, wanted: unknown, what: string): void {
  if (String(found) === String(wanted)) return;
  const standing = [...bench.standing()]
    .map(([id, { words, members }]) => `    ${id}: ${words}, ${members}`)
    .join("\n");
  throw new ExpectationFailed(`${what} is ${String(found)}, expected ${String(wanted)}\n${standing}`);
}

const leaders = (bench: Bench): MemberId[] =>
  [...bench.members.values()].filter(({ engine }) => engine?.status.role === "leader").map(({ id }) => id);

const peer = (bench: Bench, slots: Slots) => {
  const progress = bench.engine(slots.member()).status.peers.get(slots.member("peer"));
  if (progress === undefined)
    throw new ExpectationFailed(`member ${slots.member()} does not keep track of ${slots.member("peer")}`);
  return progress;
};

function logOf(bench: Bench, id: MemberId): string {
  const engine = bench.engine(id);
  const { firstIndex, lastIndex } = engine.status;
  const words: string[] = firstIndex > 1 ? [`snapshot to ${firstIndex - 1}`] : [];
  for (let index = firstIndex; index <= lastIndex; index++) {
    const entry = engine.entryAt(index);
    if (entry !== null) words.push(wordEntry(entry));
  }
  return words.join(", ");
}

function is(bench: Bench, slots: Slots): boolean {
  const { role, settled, untrusted, diskStalled } = bench.engine(slots.member()).status;
  const states = [`a ${role}`, settled && "settled", untrusted && "untrusted", diskStalled && "stalled"];
  return states.includes(slots.text("text"));
}

const whoLeads: readonly Command<Bench>[] = [
  {
    pattern: "{member} leads[ epoch {count}]",
    does: "It is a leader, in this epoch.",
    run: (bench, slots) => {
      const { role, epoch } = bench.engine(slots.member()).status;
      demand(bench, role, "leader", `the role of ${slots.member()}`);
      if (slots.has("count")) demand(bench, epoch, slots.number(), `the epoch of ${slots.member()}`);
    },
  },
  {
    pattern: "only {member} leads",
    does: "Nobody else believes to.",
    run: (bench, slots) => demand(bench, leaders(bench), [slots.member()], "the list of leaders"),
  },
  {
    pattern: "nobody leads",
    does: "Nobody believes to.",
    run: (bench) => demand(bench, leaders(bench), "", "the list of leaders"),
  },
  {
    pattern: "{member} does not lead",
    does: "Another role than leader, or down.",
    run: (bench, slots) => demand(bench, leaders(bench).includes(slots.member()), false, `${slots.member()} leading`),
  },
  {
    pattern: "{member} follows {leader:member}",
    does: "It believes that this one leads.",
    run: (bench, slots) =>
      demand(bench, bench.engine(slots.member()).status.leader, slots.member("leader"), `${slots.member()}'s leader`),
  },
  {
    pattern: "{member} is in epoch {count}",
    does: "Whatever its role.",
    run: (bench, slots) =>
      demand(bench, bench.engine(slots.member()).status.epoch, slots.number(), `the epoch of ${slots.member()}`),
  },
  {
    pattern: "{member} is not {text}",
    does: "See the next one.",
    run: (bench, slots) => demand(bench, is(bench, slots), false, `${slots.member()} being ${slots.text("text")}`),
  },
  {
    pattern: "{member} is {text}",
    does: "`a follower`, `a preCandidate`, `a candidate`; `settled`, `untrusted`, `stalled`.",
    run: (bench, slots) => demand(bench, is(bench, slots), true, `${slots.member()} being ${slots.text("text")}`),
  },
  {
    pattern: "{member} hands over to {to:member}",
    does: "A transfer is under way.",
    run: (bench, slots) => {
      const { transferee } = bench.engine(slots.member()).status;
      demand(bench, transferee, slots.member("to"), `the target of ${slots.member()}'s transfer`);
    },
  },
  {
    pattern: "{member} hands over to nobody",
    does: "No transfer is under way.",
    run: (bench, slots) => {
      const { transferee } = bench.engine(slots.member()).status;
      demand(bench, transferee, 0n, `the target of ${slots.member()}'s transfer`);
    },
  },
];

const calls: readonly Command<Bench>[] = [
  {
    pattern: "{names} committed",
    does: "These proposals took effect.",
    run: (bench, slots) => {
      for (const name of slots.names()) demand(bench, bench.clients.fateOf(name), "committed", `the fate of ${name}`);
    },
  },
  {
    pattern: "{names} open",
    does: "Nothing is committed in their place: they may take effect, or never.",
    run: (bench, slots) => {
      for (const name of slots.names()) demand(bench, bench.clients.fateOf(name), "open", `the fate of ${name}`);
    },
  },
  {
    pattern: "{names} lost",
    does: "Something else is committed in their place.",
    run: (bench, slots) => {
      for (const name of slots.names()) demand(bench, bench.clients.fateOf(name), "lost", `the fate of ${name}`);
    },
  },
  {
    pattern: "refused: {text}",
    does: "The last thing that was asked for, for this reason.",
    run: (bench, slots) => {
      const { refused, name } = bench.clients.last;
      demand(bench, refused ?? "not refused", slots.text("text"), name);
    },
  },
  {
    pattern: "taken",
    does: "The last proposal or change has got a place in the log.",
    run: (bench) => {
      const { position, refused, name } = bench.clients.last;
      demand(bench, position === null ? `refused: ${refused}` : "taken", "taken", name);
    },
  },
  {
    pattern: "{name} answers {value:name}",
    does: "The read was answered with this value; `nothing` if none was put.",
    run: (bench, slots) =>
      demand(bench, bench.clients.byName(slots.text("name")).answer, slots.text("value"), "the answer"),
  },
  {
    pattern: "{name} waits",
    does: "The read is neither answered nor refused.",
    run: (bench, slots) => {
      const { answer, refused } = bench.clients.byName(slots.text("name"));
      demand(bench, answer ?? refused, null, `the answer to ${slots.text("name")}`);
    },
  },
  {
    pattern: "{name} refused: {text}",
    does: "The read or the proposal, for this reason.",
    run: (bench, slots) =>
      demand(bench, bench.clients.byName(slots.text("name")).refused, slots.text("text"), slots.text("name")),
  },
];

const logs: readonly Command<Bench>[] = [
  {
    pattern: "commit {count} on {member}",
    does: "Its commit index.",
    run: (bench, slots) =>
      demand(
        bench,
        bench.engine(slots.member()).status.commit,
        slots.number(),
        `the commit index of ${slots.member()}`,
      ),
  },
  {
    pattern: "log of {member}: {text}",
    does: "All its entries: `1/1 voters 1,2,3, 2/2 no-op, 2/3 x`.",
    run: (bench, slots) =>
      demand(bench, logOf(bench, slots.member()), slots.text("text"), `the log of ${slots.member()}`),
  },
  {
    pattern: "log of {member} ends {text}",
    does: "Its last entry: `2/3`.",
    run: (bench, slots) => {
      const engine = bench.engine(slots.member());
      const last = engine.entryAt(engine.status.lastIndex);
      demand(bench, last === null ? "unknown" : place(last), slots.text("text"), `the end of ${slots.member()}'s log`);
    },
  },
  {
    pattern: "log of {member} begins at {count}",
    does: "The first index that is still in memory.",
    run: (bench, slots) =>
      demand(
        bench,
        bench.engine(slots.member()).status.firstIndex,
        slots.number(),
        `the begin of ${slots.member()}'s log`,
      ),
  },
  {
    pattern: "durable up to {count} on {member}",
    does: "The last of its entries that it knows to be on its disk.",
    run: (bench, slots) =>
      demand(bench, bench.engine(slots.member()).status.durableIndex, slots.number(), `durable on ${slots.member()}`),
  },
  {
    pattern: "members on {member}: {text}",
    does: "Who takes part, as this member sees it: `voters 1,2,3 outgoing 4 learners 5`.",
    run: (bench, slots) => {
      const { membership } = bench.engine(slots.member()).status;
      demand(bench, describeMembership(membership), slots.text("text"), `the membership on ${slots.member()}`);
    },
  },
  {
    pattern: "{member} knows {peer:member} at {count}",
    does: "Up to there the leader knows its peer to hold its log durably.",
    run: (bench, slots) => demand(bench, peer(bench, slots).match, slots.number(), "what it knows of its peer"),
  },
  {
    pattern: "{member} keeps {peer:member} in {name}",
    does: "How the leader sends to its peer: `probe`, `replicate`, `snapshot`.",
    run: (bench, slots) => demand(bench, peer(bench, slots).state, slots.text("name"), "how it sends to its peer"),
  },
  {
    pattern: "{member} misses data of {peer:member}",
    does: "The leader noticed that the peer came back with less than it had acknowledged.",
    run: (bench, slots) => demand(bench, peer(bench, slots).lostData, true, "data missing"),
  },
  {
    pattern: "all agree",
    does: "Every running member that has joined has applied everything that was committed anywhere.",
    run: (bench) => {
      for (const member of bench.members.values()) {
        if ((member.engine?.status.lastIndex ?? 0) === 0) continue;
        demand(bench, member.applied, bench.clients.committed.length, `applied on ${member.id}`);
      }
    },
  },
];

export const expectationSections: readonly { readonly title: string; readonly commands: readonly Command<Bench>[] }[] =
  [
    { title: "Who leads", commands: whoLeads },
    { title: "What became of calls", commands: calls },
    { title: "Logs", commands: logs },
  ];

export const expectations: Commands<Bench> = new Commands(expectationSections.flatMap((section) => section.commands));
