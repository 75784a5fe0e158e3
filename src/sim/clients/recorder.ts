/** Writes down what clients see, in one sequence. */

import type { Call, ClientRequest, GuardedWrite, History, Moment, Outcome, WatchRecord } from "../history.ts";
import type { WorldMember } from "../world/member.ts";

export class Recorder implements History {
  readonly calls: Call[] = [];
  readonly watches: WatchRecord[] = [];
  readonly guardedWrites: GuardedWrite[] = [];
  readonly clockDrift: number;
  readonly #now: () => number;
  #order = 0;

  constructor(now: () => number, clockDrift: number) {
    this.#now = now;
    this.clockDrift = clockDrift;
  }

  moment(): Moment {
    return { at: this.#now(), order: this.#order++ };
  }

  /** The id that the next call will have: its values carry it. */
  get nextId(): number {
    return this.calls.length + 1;
  }

  invoked(client: number, member: Pick<WorldMember, "id">, request: ClientRequest): Call {
    const call: Call = {
      id: this.nextId,
      client,
      member: member.id,
      life: 0,
      request,
      invoked: this.moment(),
      returned: null,
      outcome: null,
    };
    this.calls.push(call);
    return call;
  }

  /** `by`: who took it, which nobody can say when it is invoked: a process may begin while it is on its way there. */
  returned(call: Call, outcome: Outcome, by: Pick<Call, "member" | "life">): void {
    call.returned = this.moment();
    call.outcome = outcome;
    call.member = by.member;
    call.life = by.life;
  }
}
