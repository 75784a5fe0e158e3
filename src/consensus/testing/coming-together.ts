/**
 * What must come to pass, when faults end, within a bounded time: first among a healthy quorum, while everything else
 * stays broken; then everywhere.
 *
 * The first is the harder promise. A member outside may be deaf, mute, half connected, stopped, or wait for its disk; it
 * may be the leader, or the one that leadership is handed to. Whatever it does, those inside must get on.
 */
import type { MemberId } from "../../environment.ts";
import { isJoint, type Membership } from "../membership.ts";
import { knownMemberships } from "../properties/known-memberships.ts";
import { bearable, getsOn } from "../properties/quorum.ts";
import { SafetyViolation } from "../properties/violation.ts";
import type { Cluster } from "./cluster.ts";
import type { Stage } from "./stage.ts";

/** Half a second each. */
const ATTEMPTS = 60;

export class ComingTogether {
  readonly #stage: Stage;
  readonly #cluster: Cluster;
  readonly #ids: readonly MemberId[];
  readonly #reportLinks: boolean;

  /** @param reportLinks whether members are told when links come back. */
  constructor(stage: Stage, reportLinks: boolean) {
    this.#stage = stage;
    this.#cluster = stage.cluster;
    this.#ids = stage.ids;
    this.#reportLinks = reportLinks;
  }

  run(): void {
    Object.assign(this.#cluster.network, { lossRate: 0, duplicateRate: 0, maxDelayMs: 2 });
    this.#mend(this.#ids);
    this.#healthyQuorum();
    this.#mend(this.#ids);
    this.#everybody();
  }

  /** Ends what is wrong with these and between them, in no time. */
  #mend(ids: readonly MemberId[]): void {
    const cluster = this.#cluster;
    for (const id of ids) {
      cluster.start(id);
      cluster.resume(id);
      cluster.member(id).diskDelayMs = 1;
      cluster.finishWrites(id, 1);
    }
    for (const a of ids) {
      for (const b of ids) {
        if (a === b) continue;
        cluster.network.cut.delete(`${a}>${b}`);
        if (this.#reportLinks) cluster.feed(a, { type: "linkUp", peer: b });
      }
    }
  }

  #healthyQuorum(): void {
    const quorum = this.#chooseQuorum();
    if (quorum === null) return;
    const cluster = this.#cluster;
    const outside = this.#ids.filter((id) => !quorum.includes(id));
    const { random } = this.#stage;
    const leader = this.#stage.actingLeader();
    if (leader !== 0n && random.chance(0.4)) cluster.transfer(leader, this.#stage.anyone());
    for (const id of outside) this.#trouble(id);
    // Some troubles take a while to show: what was promised is not one write, but to go on.
    for (let rounds = random.below(16); rounds > 0; rounds--) this.#writeEverywhere();
    const calls: number[] = [];
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      calls.push(...this.#writeEverywhere());
      if (calls.some((call) => cluster.isCommitted(call))) return;
    }
    const names = quorum.map((id) => id.toString(16)).join(",");
    throw new SafetyViolation("a healthy quorum gets on", `no write at ${names} within ${ATTEMPTS / 2} s`, { outside });
  }

  /** Everybody who believes to lead gets a proposal; then half a second passes. */
  #writeEverywhere(): number[] {
    const cluster = this.#cluster;
    const leaders = this.#ids.filter((id) => this.#stage.acts(id) && cluster.engine(id).status.role === "leader");
    const calls = leaders.map((id) => cluster.propose(id, new Uint8Array([4, 5, 6])));
    cluster.run(500);
    return calls;
  }

  /**
   * Trusted voters that suffice under every membership that anybody goes by, few of them; with good chance without the
   * leader. Null: there are not enough.
   */
  #chooseQuorum(): MemberId[] | null {
    const { random } = this.#stage;
    const status = (id: MemberId) => this.#cluster.engine(id).status;
    const committed = this.#cluster.properties.committed;
    const memberships: Membership[] = this.#ids.flatMap((id) => knownMemberships(this.#cluster.engine(id)));
    const inForce = committed.membershipAt(committed.last);
    if (inForce !== null) memberships.push(inForce);
    const suffice = (ids: readonly MemberId[]): boolean =>
      memberships.every((membership) => getsOn(membership, this.#cluster.quorums, (id) => ids.includes(id)));
    let chosen = this.#ids.filter((id) => !status(id).untrusted);
    if (!suffice(chosen)) return null;
    const { leader } = this.#cluster;
    const order = chosen.map((id) => ({ id, rank: id === leader ? random.fraction() / 3 : random.fraction() }));
    order.sort((a, b) => a.rank - b.rank);
    for (const { id } of order.slice(0, 1 + random.below(order.length))) {
      const without = chosen.filter((other) => other !== id);
      if (suffice(without)) chosen = without;
    }
    return chosen;
  }

  /** Something that lasts befalls a member outside the quorum. */
  #trouble(id: MemberId): void {
    const { random } = this.#stage;
    const cluster = this.#cluster;
    const others = this.#ids.filter((other) => other !== id);
    const kind = random.below(7);
    if (kind === 0) cluster.crash(id, "some");
    else if (kind === 1) cluster.pause(id);
    else if (kind === 2) cluster.member(id).diskDelayMs = Number.POSITIVE_INFINITY;
    else if (kind === 3) for (const other of others) cluster.network.cutOneWay(other, id);
    else if (kind === 4) for (const other of others) cluster.network.cutOneWay(id, other);
    else if (kind === 5) {
      for (const other of others) {
        if (random.chance(0.5)) cluster.network.cutOneWay(other, id);
        if (random.chance(0.5)) cluster.network.cutOneWay(id, other);
      }
    } else cluster.isolate(id);
  }

  /** There is a leader, all members agree, and writes and reads go through. */
  #everybody(): void {
    const cluster = this.#cluster;
    if (this.#hopeless()) return;
    // A leadership may still be on the move (preferred members, stalled disks): ask until it is through.
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const leader = this.#elect();
      const call = cluster.propose(leader, new Uint8Array([1, 2, 3]));
      const before = cluster.readsDone.length;
      cluster.read(leader);
      cluster.run(500);
      const whole = !isJoint(cluster.engine(leader).status.membership);
      const answered = cluster.isCommitted(call) && cluster.readsDone.length > before;
      if (whole && answered && cluster.agree(this.#takingPart())) return;
    }
    throw new SafetyViolation("all come together", `no progress for ${ATTEMPTS / 2} s after the faults ended`, {});
  }

  #elect(): MemberId {
    try {
      return this.#cluster.elect(30_000);
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "Error") throw error;
      throw new SafetyViolation("all come together", error.message, {});
    }
  }

  #takingPart(): MemberId[] {
    const { membership } = this.#cluster.engine(this.#elect()).status;
    return [...membership.voters, ...membership.outgoing, ...membership.learners];
  }

  /**
   * The rule a damaged member plays by may leave a group without a quorum of believable members: with two voters, say,
   * or where one acceptance is enough to choose a value.
   * No leader can then exist, rightly; only safety was to be seen.
   */
  #hopeless(): boolean {
    const status = this.#ids.map((id) => this.#cluster.engine(id).status);
    const known = this.#ids.flatMap((id) => knownMemberships(this.#cluster.engine(id)));
    const isFragile = known.some(({ voters }) => bearable(voters.length, this.#cluster.quorums) < 1);
    return status.some(({ untrusted }) => untrusted) && isFragile;
  }
}
