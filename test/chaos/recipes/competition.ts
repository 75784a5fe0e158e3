/** Several competitors and the referee; a competitor that dies is replaced by a new one. */
import { assert } from "../../../src/errors.ts";
import type { ClusterUnderTest } from "../../support/cluster.ts";
import { eventually, within } from "../../support/eventually.ts";
import type { Seeded } from "../../support/seeded.ts";
import { CompetitorProcess } from "./competitor-process.ts";
import { type Domain, USES } from "./messages.ts";
import { Referee } from "./referee.ts";

/** Of the sessions on which everything hangs that is held. */
export const TTL_MS = 3_000;

const COMPETITORS = 4;
/** A program that has been told to stop ends what it is at, and waits for others to do so. */
const STOPPED_WITHIN_MS = 60_000;

export class Competition {
  readonly referee: Referee;
  readonly #cluster: ClusterUnderTest;
  readonly #random: Seeded;
  /** Ends of competitors that nobody asked for. */
  readonly casualties: string[] = [];
  competitors: CompetitorProcess[] = [];
  #named = 0;

  private constructor(cluster: ClusterUnderTest, random: Seeded, referee: Referee) {
    this.#cluster = cluster;
    this.#random = random;
    this.referee = referee;
  }

  static async start(cluster: ClusterUnderTest, random: Seeded): Promise<Competition> {
    const competition = new Competition(cluster, random, await Referee.open());
    await Promise.all(Array.from({ length: COMPETITORS }, () => competition.#join()));
    return competition;
  }

  /** `kill -9` of one; another one comes for it. */
  async replace(competitor: CompetitorProcess): Promise<void> {
    this.competitors = this.competitors.filter((other) => other !== competitor);
    await competitor.kill();
    await this.#join();
  }

  named(name: string): CompetitorProcess | null {
    return this.competitors.find((competitor) => competitor.name === name) ?? null;
  }

  /** Who was the last to get something; null: that one is dead, or nobody got it yet. */
  holderOf(domain: Domain): CompetitorProcess | null {
    const [name = ""] = this.referee.holdings.newest(domain)?.grant.split("#") ?? [];
    return this.named(name);
  }

  /** Waits until each competitor has used everything once more from now on. */
  async allGetOn(withinMs: number): Promise<void> {
    const uses = (competitor: CompetitorProcess): number[] =>
      USES.map((use) => this.referee.uses(competitor.name, use));
    const before = new Map(this.competitors.map((competitor) => [competitor, uses(competitor)]));
    await eventually(
      "everybody gets everything",
      () => {
        if (this.#faults.length > 0) return;
        const waiting = [...before].flatMap(([competitor, counts]) => {
          const now = uses(competitor);
          const stuck = USES.filter((_, at) => (now[at] ?? 0) <= (counts[at] ?? 0));
          return stuck.length === 0 ? [] : [`${competitor.name} waits for ${stuck.join(", ")} ${competitor.log}`];
        });
        assert(waiting.length === 0, waiting.join("; "));
      },
      { withinMs },
    );
    this.assertWell();
  }

  /** @throws an error if something was said or has happened that never should, without waiting for the end. */
  assertWell(): void {
    assert(this.#faults.length === 0, this.#faults.slice(0, 5).join("\n"));
  }

  get #faults(): readonly string[] {
    return [...this.casualties, ...this.referee.broken];
  }

  /** Tells all to stop: each must come to an end by itself, with exit code 0. */
  async stop(): Promise<void> {
    const { competitors } = this;
    this.competitors = [];
    this.referee.stopAll();
    for (const competitor of competitors) {
      const how = await within(`${competitor.name} ends by itself`, STOPPED_WITHIN_MS, competitor.ended);
      assert(how === "exit code 0", `${competitor.name} ended with ${how}:\n${competitor.log}`);
    }
  }

  /** Ends everything at once. */
  async kill(): Promise<void> {
    const { competitors } = this;
    this.competitors = [];
    await Promise.all(competitors.map((competitor) => competitor.kill()));
    await this.referee.close();
  }

  async #join(): Promise<void> {
    const name = `c${++this.#named}`;
    const settings = { name, referee: this.referee.port, seed: this.#random.below(2 ** 31), ttlMs: TTL_MS };
    const competitor = await CompetitorProcess.start(settings, this.#cluster.endpoints);
    this.competitors.push(competitor);
    void competitor.ended.then((how) => {
      if (this.competitors.includes(competitor)) {
        this.casualties.push(`${name} ended by itself with ${how}:\n${competitor.log}`);
      }
    });
  }
}
