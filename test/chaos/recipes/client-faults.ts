/** What goes wrong for clients: each fault strikes and is undone before it returns. Faults of members: `nemesis.ts`. */
import { setTimeout as delay } from "node:timers/promises";
import type { Seeded } from "../../support/seeded.ts";
import { type Competition, TTL_MS } from "./competition.ts";
import type { CompetitorProcess } from "./competitor-process.ts";
import type { Domain } from "./messages.ts";

/** Beyond this a session is certainly over, at the store too. */
const BEYOND_LEASE_MS = 2 * TTL_MS;
const WRITTEN: readonly Domain[] = ["lock", "book", "office"];

export interface ClientFault {
  readonly name: string;
  /** Returns what it did, in words. */
  strike(competition: Competition, random: Seeded): Promise<string>;
}

async function pauseFor(competitor: CompetitorProcess, pausedMs: number): Promise<void> {
  competitor.pause();
  try {
    await delay(pausedMs);
  } finally {
    competitor.resume();
  }
}

function anyOne({ competitors }: Competition, random: Seeded): CompetitorProcess {
  return random.pick(competitors);
}

/** In the order in which they take turns. */
export const CLIENT_FAULTS: readonly ClientFault[] = [
  {
    name: "SIGSTOP of a holder that writes, until another does",
    async strike(competition, random) {
      const { referee } = competition;
      const domain = random.pick(WRITTEN);
      const pausedMs = BEYOND_LEASE_MS + random.below(1_000);
      // Before its write is answered: the next one comes when it wakes up, without another look.
      const name = await referee.nextWriter(domain, (writer) => competition.named(writer)?.pause());
      try {
        await Promise.all([delay(pausedMs), referee.nextWriter(domain)]);
      } finally {
        competition.named(name)?.resume();
      }
      return `${name}, with ${domain}, at least ${pausedMs} ms`;
    },
  },
  {
    name: "kill -9 of the lock's holder",
    async strike(competition, random) {
      const holder = competition.holderOf("lock") ?? anyOne(competition, random);
      await competition.replace(holder);
      return holder.name;
    },
  },
  {
    name: "a client cut from all members",
    async strike(competition, random) {
      const client = anyOne(competition, random);
      const cutMs = random.below(BEYOND_LEASE_MS);
      client.links.cut();
      await delay(cutMs);
      client.links.heal();
      return `${client.name}, ${cutMs} ms`;
    },
  },
  {
    name: "SIGSTOP of a client",
    async strike(competition, random) {
      const client = anyOne(competition, random);
      const pausedMs = random.below(BEYOND_LEASE_MS);
      await pauseFor(client, pausedMs);
      return `${client.name}, ${pausedMs} ms`;
    },
  },
  {
    name: "a client cut from one member",
    async strike(competition, random) {
      const client = anyOne(competition, random);
      const member = random.below(client.links.endpoints.length);
      const cutMs = random.below(BEYOND_LEASE_MS);
      client.links.cut(member);
      await delay(cutMs);
      client.links.heal();
      return `${client.name} from member ${member + 1}, ${cutMs} ms`;
    },
  },
  {
    name: "kill -9 of a client",
    async strike(competition, random) {
      const client = anyOne(competition, random);
      await competition.replace(client);
      return client.name;
    },
  },
];
