/** One member under a magnifying glass: members 1 to 5, numbered as their ids, said and heard by hand. */
import type { MemberId } from "../../../environment.ts";
import { Bully } from "../bully.ts";
import type { BullyEffects, BullyInput, BullyOptions, BullyStatus } from "../contract.ts";
import type { BullyMember } from "../members.ts";
import { type BullyEnvelope, type BullyMessage, decodeBullyMessage, encodeBullyMessage } from "../messages.ts";
import { bullyTimes } from "./bully-cluster.ts";

export const five: readonly BullyMember[] = [1, 2, 3, 4, 5].map((number) => ({ id: BigInt(number), number }));

/** Of member 3: two are above it, two below. */
export const soloOptions: BullyOptions = { ...bullyTimes, id: 3n, incarnation: 77, members: five, maxMembers: 8 };

export interface SoloBullyEffects extends Omit<BullyEffects, "messages"> {
  /** As `type to peers, ...`, with the generation. */
  readonly said: readonly string[];
}

export class SoloBully {
  readonly bully: Bully;
  now = 1000;

  constructor(options: Partial<BullyOptions> = {}) {
    this.bully = new Bully({ ...soloOptions, ...options }, this.now);
  }

  get status(): BullyStatus {
    return this.bully.status;
  }

  step(input: BullyInput, afterMs = 0): SoloBullyEffects {
    this.now += afterMs;
    this.bully.step(input, this.now);
    const { messages, ...rest } = this.bully.effects();
    const said = new Map<string, MemberId[]>();
    for (const { to, bytes } of messages) {
      const { envelope, message } = decodeBullyMessage(bytes);
      const what = `${message.type}@${envelope.generation} to`;
      said.set(what, [...(said.get(what) ?? []), to]);
    }
    return { ...rest, said: [...said].map(([what, to]) => `${what} ${to.join(",")}`) };
  }

  tick(afterMs = 0): SoloBullyEffects {
    return this.step({ type: "tick" }, afterMs);
  }

  /** Time goes on to the next deadline. */
  due(): SoloBullyEffects {
    const { wakeAt } = this.bully.effects();
    return this.tick(Math.max(0, (wakeAt ?? this.now) - this.now));
  }

  /** From a peer whose incarnation is its id, unless said otherwise. */
  receive(from: MemberId, message: BullyMessage, envelope: Partial<BullyEnvelope> = {}): SoloBullyEffects {
    const bytes = encodeBullyMessage({ incarnation: Number(from), generation: 0, ...envelope }, message);
    return this.step({ type: "message", from, bytes });
  }

  /** A peer says that it leads. */
  coordinator(from: MemberId, generation: number, incarnation: number = Number(from)): SoloBullyEffects {
    return this.receive(from, { type: "coordinator" }, { generation, incarnation });
  }

  /** A lower peer asks. */
  election(from: MemberId, round = 1, generation = 0): SoloBullyEffects {
    return this.receive(from, { type: "election", round, takesOver: true }, { generation });
  }

  answer(from: MemberId, round: number, toIncarnation = 77, generation = 0): SoloBullyEffects {
    return this.receive(from, { type: "answer", round, toIncarnation }, { generation });
  }

  /** Began, was not answered, leads. */
  lead(): void {
    this.due();
    this.due();
  }
}
