/** The person who runs the cluster: adds, promotes, removes and replaces members, and asks again when it did not work. */
import type { Replica } from "../../replica/face.ts";
import type { WorldMember } from "../world/member.ts";
import type { World } from "../world/world.ts";

const AGAIN_MS = 400;
/** Then a new voter is started, whatever was answered to its addition. */
const PATIENCE_MS = 2_000;
/** Then the change is given up. */
const ATTEMPTS = 40;

export class Operator {
  readonly #world: World;
  /** Changes under way: one at a time, as a careful person would. */
  busy = false;
  #retired = false;

  constructor(world: World) {
    this.#world = world;
  }

  /** Begins nothing new, and gives up what is under way. */
  retire(): void {
    this.#retired = true;
  }

  addVoter(done: () => void): void {
    const slot = this.#world.members.length;
    const peerUrls = [this.#world.peerUrl(slot)];
    const joined = this.#world.join();
    // In a cluster of one there is no answer before the second member runs.
    this.#world.later(PATIENCE_MS, () => joined.start());
    this.#change(
      `add voter m${slot}`,
      (replica) => replica.changeMembership({ type: "add", peerUrls, learner: false }),
      () => this.#begin(joined, done),
      () => this.#isMember(joined),
    );
  }

  addLearner(done: () => void): void {
    const slot = this.#world.members.length;
    const peerUrls = [this.#world.peerUrl(slot)];
    const joined = this.#world.join();
    this.#change(
      `add learner m${slot}`,
      (replica) => replica.changeMembership({ type: "add", peerUrls, learner: true }),
      (ok) => this.#begin(joined, () => (ok ? this.#promote(joined, done) : done())),
      () => this.#isMember(joined),
    );
  }

  remove(member: WorldMember, done: (removed: boolean) => void): void {
    const { id } = member;
    this.#change(
      `remove ${member.name}`,
      (replica) => replica.changeMembership({ type: "remove", id }),
      done,
      () => this.#world.observer.truth.keyspace.members.get(id) === null,
    );
  }

  transfer(to: WorldMember): void {
    const leader = this.#world.leader;
    if (leader === null || to.id === 0n) return;
    this.#world.trace.note("operator", `moves leadership from ${leader.name} to ${to.name}`);
    leader.enter(() => {
      leader.replica?.transferLeadership(to.id).catch(() => {});
    });
  }

  #promote(member: WorldMember, done: () => void): void {
    const { id } = member;
    if (id === 0n) {
      this.#world.later(AGAIN_MS, () => (this.#retired ? done() : this.#promote(member, done)));
      return;
    }
    this.#change(
      `promote ${member.name}`,
      (replica) => replica.changeMembership({ type: "promote", id }),
      () => done(),
      () => this.#world.observer.truth.keyspace.members.get(id)?.isLearner === false,
    );
  }

  /** It is started whatever was answered: its addition may be in the log, and in a cluster of two only it can commit that. */
  #begin(member: WorldMember, then: () => void): void {
    member.start();
    then();
  }

  /** Committed, whatever an answer said: an attempt that timed out may have worked. */
  #isMember(member: WorldMember): boolean {
    const url = this.#world.peerUrl(member.slot);
    return this.#world.observer.truth.keyspace.members.list().some(({ peerUrls }) => peerUrls.includes(url));
  }

  #change(
    what: string,
    ask: (replica: Replica) => Promise<unknown>,
    done: (ok: boolean) => void,
    holds: () => boolean,
  ): void {
    const world = this.#world;
    let attempts = 0;
    const attempt = (): void => {
      if (holds()) {
        world.trace.note("operator", `${what}: done`);
        return done(true);
      }
      if (this.#retired || attempts++ >= ATTEMPTS) {
        world.trace.note("operator", `${what}: given up`);
        return done(false);
      }
      const member = world.leader;
      const again = (why: string): void => {
        world.trace.note("operator", `${what}: ${why}`);
        world.later(AGAIN_MS, attempt);
      };
      const replica = member?.replica ?? null;
      if (member === null || replica === null) return again("nobody leads");
      let answered = false;
      const answer = (why: string): void => {
        if (answered) return;
        answered = true;
        again(why);
      };
      member.enter(() => {
        ask(replica).then(
          () => answer("answered"),
          (error: unknown) => answer(error instanceof Error ? error.message : String(error)),
        );
      });
      // Its process may die, or stand still, without an answer.
      world.later(10 * AGAIN_MS, () => answer("no answer"));
    };
    attempt();
  }
}
