/** What a script can make happen. */
import type { MemberId } from "../../../environment.ts";
import type { MembershipChange } from "../../membership.ts";
import type { SimDisk } from "../sim-disk.ts";
import type { Bench } from "./bench.ts";
import type { Filter } from "./network.ts";
import { type Command, Commands, type Slots } from "./patterns.ts";
import { ScriptError } from "./scenario-file.ts";
import { encodeValue } from "./wording.ts";

const filter = (slots: Slots): Filter => ({
  type: slots.has("name") ? slots.text("name") : null,
  from: slots.has("from") ? slots.end("from") : null,
  to: slots.has("to") ? slots.end("to") : null,
});

/** The others, or those named. */
function peersOf(bench: Bench, slots: Slots): MemberId[] {
  if (slots.has("members")) return slots.members().map((id) => bench.member(id).id);
  return [...bench.members.keys()].filter((id) => id !== slots.member());
}

const time: readonly Command<Bench>[] = [
  {
    pattern: "wait {span}",
    does: "Time passes. What goes back and forth all the time is not recorded.",
    detail: "news",
    run: (bench, slots) => bench.wait(slots.span()),
  },
  {
    pattern: "{member} times out",
    does: "Time passes, and only this member's process gets to notice, until it acts: its election is due.",
    run: (bench, slots) => bench.timeOut(slots.member()),
  },
  {
    pattern: "elect {member}",
    does: "Lets this member, and nobody else, time out until it leads. Recorded is only how all stand then.",
    detail: "nothing",
    run: (bench, slots) => {
      for (let tries = 0; bench.engine(slots.member()).status.role !== "leader"; tries++) {
        if (tries > 5) throw new ScriptError(`member ${slots.member()} does not win an election`);
        bench.timeOut(slots.member());
      }
    },
  },
  {
    pattern: "clock of {member} runs at {count} %",
    does: "Of true time, from now on.",
    run: (bench, slots) => bench.setClockRate(slots.member(), slots.number() / 100),
  },
  {
    pattern: "clock of {member} goes back {span}",
    does: "As no monotonic clock may.",
    run: (bench, slots) => {
      bench.member(slots.member()).offset -= slots.span();
    },
  },
];

const links: readonly Command<Bench>[] = [
  {
    pattern: "cut {member} off",
    does: "From everybody, both ways.",
    run: (bench, slots) => cutBetween(bench, slots.member(), peersOf(bench, slots)),
  },
  {
    pattern: "cut {member} from {members}",
    does: "Both ways.",
    run: (bench, slots) => cutBetween(bench, slots.member(), peersOf(bench, slots)),
  },
  {
    pattern: "cut {from:member} -> {to:member}",
    does: "This way only.",
    run: (bench, slots) => bench.network.cut(slots.member("from"), slots.member("to")),
  },
  {
    pattern: "mend {member} with {members}",
    does: "Both ways.",
    run: (bench, slots) => {
      for (const peer of slots.members()) {
        bench.network.mend(slots.member(), peer);
        bench.network.mend(peer, slots.member());
      }
    },
  },
  { pattern: "heal", does: "Mends all cuts, and loses nothing any more.", run: ({ network }) => network.heal() },
  {
    pattern: "{member} loses its link to {peer:member}",
    does: "The engine is told so.",
    run: (bench, slots) => bench.feed(slots.member(), { type: "linkLost", peer: slots.member("peer") }),
  },
  {
    pattern: "{member} gets its link to {peer:member} back",
    does: "The engine is told so.",
    run: (bench, slots) => bench.feed(slots.member(), { type: "linkUp", peer: slots.member("peer") }),
  },
];

function cutBetween({ network }: Bench, id: MemberId, peers: readonly MemberId[]): void {
  for (const peer of peers) {
    network.cut(id, peer);
    network.cut(peer, id);
  }
}

const messages: readonly Command<Bench>[] = [
  {
    pattern: "hold[ {name}] {from:end} -> {to:end}",
    does: "Keeps messages of this type, or all, on these links from now on. `*` is everybody. Types are as transcripts say; `snapshot` is one.",
    run: (bench, slots) => bench.network.hold(filter(slots)),
  },
  {
    pattern: "lose {name} {from:end} -> {to:end}",
    does: "Loses messages of this type, until `heal`.",
    run: (bench, slots) => bench.network.lose(filter(slots)),
  },
  {
    pattern: "deliver last[ {name}] {from:end} -> {to:end}",
    does: "The newest held one that fits.",
    run: (bench, slots) => deliver(bench, filter(slots), -1),
  },
  {
    pattern: "deliver all[ {name}] {from:end} -> {to:end}",
    does: "All that fit and are held now, in order.",
    run: (bench, slots) => {
      for (const packet of bench.network.find(filter(slots))) bench.deliver(bench.network.take(packet));
    },
  },
  {
    pattern: "deliver[ {name}] {from:end} -> {to:end}",
    does: "Brings the oldest held one that fits to its receiver.",
    run: (bench, slots) => deliver(bench, filter(slots), 0),
  },
  {
    pattern: "duplicate[ {name}] {from:end} -> {to:end}",
    does: "Brings a copy of the oldest held one that fits, which stays held.",
    run: (bench, slots) => bench.deliver(oldest(bench, filter(slots))),
  },
  {
    pattern: "drop all[ {name}] {from:end} -> {to:end}",
    does: "All that fit and are held now are lost.",
    run: ({ network }, slots) => {
      for (const packet of network.find(filter(slots))) network.take(packet).lose();
    },
  },
  {
    pattern: "drop[ {name}] {from:end} -> {to:end}",
    does: "The oldest held one that fits is lost.",
    run: (bench, slots) => bench.network.take(oldest(bench, filter(slots))).lose(),
  },
  {
    pattern: "stop holding",
    does: "Holds nothing any more from now on; what is held already stays so.",
    run: ({ network }) => network.stopHoldingAll(),
  },
  {
    pattern: "stop holding[ {name}] {from:end} -> {to:end}",
    does: "Ends the `hold` that was said with the same words.",
    run: ({ network }, slots) => network.stopHolding(filter(slots)),
  },
];

function oldest({ network }: Bench, which: Filter): ReturnType<Bench["network"]["take"]> {
  return network.find(which)[0] as ReturnType<Bench["network"]["take"]>;
}

function deliver(bench: Bench, which: Filter, at: number): void {
  const packet = bench.network.find(which).at(at);
  if (packet !== undefined) bench.deliver(bench.network.take(packet));
}

const disks: readonly Command<Bench>[] = [
  {
    pattern: "hold disk of {member}",
    does: "Its writes stay under way.",
    run: (bench, slots) => {
      bench.member(slots.member()).diskDelayMs = Number.POSITIVE_INFINITY;
    },
  },
  {
    pattern: "release disk of {member}",
    does: "Its disk works again, and finishes what is under way.",
    run: (bench, slots) => {
      bench.member(slots.member()).diskDelayMs = 0;
      bench.sync(slots.member());
    },
  },
  {
    pattern: "finish {count} write(s) of {member}",
    does: "The oldest ones under way become durable.",
    run: (bench, slots) => bench.sync(slots.member(), slots.number()),
  },
  {
    pattern: "wipe disk of {member}",
    does: "Of a member that is down: it will start with an empty one.",
    run: (bench, slots) =>
      bench.spoil(slots.member(), (disk) => Object.assign(disk, { state: null, snapshot: null, entries: [] })),
  },
  {
    pattern: "roll disk of {member} back to {count}",
    does: "Of a member that is down: entries behind this one are gone, and nothing shows it.",
    run: (bench, slots) => bench.spoil(slots.member(), (disk) => forgetBehind(disk, slots.number())),
  },
  {
    pattern: "damage disk of {member} behind {count}",
    does: "Of a member that is down: entries behind this one are gone, and its storage knows.",
    run: (bench, slots) =>
      bench.spoil(slots.member(), (disk) => {
        forgetBehind(disk, slots.number());
        disk.untrusted = true;
      }),
  },
];

function forgetBehind(disk: SimDisk, last: number): void {
  disk.entries = disk.entries.filter(({ index }) => index <= last);
}

const processes: readonly Command<Bench>[] = [
  {
    pattern: "crash {member}[ keeping {count} write(s)]",
    does: "Ends its process. Of the writes under way the first so many reached the disk; none if nothing is said.",
    run: (bench, slots) => bench.crash(slots.member(), slots.has("count") ? slots.number() : 0),
  },
  {
    pattern: "start {member}",
    does: "A member that is down starts from its disk.",
    run: (bench, slots) => bench.start(slots.member()),
  },
  {
    pattern: "restart {member}",
    does: "Crash, losing the writes under way, and start.",
    run: (bench, slots) => {
      bench.crash(slots.member());
      bench.start(slots.member());
    },
  },
  {
    pattern: "pause {member}",
    does: "Stops its process (SIGSTOP): what arrives waits.",
    run: (bench, slots) => bench.pause(slots.member()),
  },
  {
    pattern: "resume {member}",
    does: "Lets it go on: what waited comes in.",
    run: (bench, slots) => bench.resume(slots.member()),
  },
  {
    pattern: "hold applying on {member}",
    does: "Its state machine stands still: entries are committed there, but not applied.",
    run: (bench, slots) => bench.holdApplying(slots.member()),
  },
  {
    pattern: "release applying on {member}",
    does: "Its state machine goes on.",
    run: (bench, slots) => bench.releaseApplying(slots.member()),
  },
  {
    pattern: "take a snapshot on {member}[ keeping {count} entries]",
    does: "Of all that is applied there; the engine forgets the entries before, but for the last so many of them.",
    run: (bench, slots) => bench.takeSnapshot(slots.member(), slots.has("count") ? slots.number() : 0),
  },
];

const clients: readonly Command<Bench>[] = [
  {
    pattern: "propose {names} on {member}[ in epoch {count}]",
    does: "One after the other; in the epoch that the member is in if nothing is said.",
    run: (bench, slots) => {
      const epoch = slots.has("count") ? slots.number() : undefined;
      for (const name of slots.names()) propose(bench, slots.member(), name, encodeValue(name), epoch);
    },
  },
  {
    pattern: "propose {count} entries {name} on {member}[ of {size:count} bytes each]",
    does: "Called e1, e2, ... if the name is e.",
    run: (bench, slots) => {
      const size = slots.has("size") ? slots.number("size") : 0;
      for (let i = 1; i <= slots.number(); i++) {
        const name = `${slots.text("name")}${i}`;
        propose(bench, slots.member(), name, encodeValue(name, size));
      }
    },
  },
  {
    pattern: "read {name} on {member}",
    does: "Asks this member for the value that was put last.",
    run: (bench, slots) => {
      const id = bench.clients.begin(slots.text("name"), bench.engine(slots.member()).status.id);
      bench.feed(slots.member(), { type: "read", id });
    },
  },
  {
    pattern: "change on {member}: {text}",
    does: "Changes who takes part: `add voter 4, add learner 5, promote 5, demote 2, remove 3`, all at once.",
    run: (bench, slots) => {
      const id = bench.clients.beginUnnamed("the change", slots.member());
      const change = parseChange(slots.text("text"));
      bench.feed(slots.member(), { type: "reconfigure", id, change, context: new Uint8Array(0) });
    },
  },
  {
    pattern: "transfer from {member}[ to {to:member}]",
    does: "Hands leadership over; to whom the leader thinks best if nothing is said.",
    run: (bench, slots) => {
      const id = bench.clients.beginUnnamed("the transfer", slots.member());
      bench.feed(slots.member(), { type: "transfer", id, to: slots.has("to") ? slots.member("to") : 0n });
    },
  },
];

function propose(bench: Bench, member: MemberId, name: string, data: Uint8Array, inEpoch?: number): void {
  const { epoch } = bench.engine(member).status;
  const id = bench.clients.begin(name, member);
  bench.feed(member, { type: "propose", id, epoch: inEpoch ?? epoch, data });
}

function parseChange(text: string): MembershipChange {
  const set: { id: MemberId; role: "voter" | "learner" }[] = [];
  const remove: MemberId[] = [];
  for (const wish of text.split(", ")) {
    const match = /^(?<what>add voter|add learner|promote|demote|remove) (?<id>[1-9]\d*)$/.exec(wish);
    if (match?.groups === undefined) throw new ScriptError(`"${wish}" is no change: add voter 4, promote 4, remove 3`);
    const { what, id = "" } = match.groups;
    if (what === "remove") remove.push(BigInt(id));
    else set.push({ id: BigInt(id), role: what === "add voter" || what === "promote" ? "voter" : "learner" });
  }
  return { set, remove };
}

export const sections: readonly { readonly title: string; readonly commands: readonly Command<Bench>[] }[] = [
  { title: "Time", commands: time },
  { title: "Links", commands: links },
  { title: "Messages", commands: messages },
  { title: "Disks", commands: disks },
  { title: "Processes", commands: processes },
  { title: "Clients", commands: clients },
];

export const commands: Commands<Bench> = new Commands(sections.flatMap((section) => section.commands));
