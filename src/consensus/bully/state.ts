/** All a member knows. Plain data with the few methods that keep it consistent; the rooms change it. */
import type { MemberId } from "../../environment.ts";
import type { Notice } from "../engine.ts";
import { SeededRandom } from "../random.ts";
import type { BullyOptions, BullyRole } from "./contract.ts";
import { Ranking } from "./members.ts";
import { type BullyMessage, encodeBullyMessage } from "./messages.ts";

export class BullyState {
  readonly id: MemberId;
  readonly options: Required<BullyOptions>;
  readonly random: SeededRandom;
  ranking: Ranking;
  now: number;
  role: BullyRole = "listening";
  /** The one thing the member waits for, by role: begin, lead, begin anew, lose the leader, say it again. */
  deadline = 0;
  /** The deadline was found to be long past once already, and was moved. */
  lenient = false;
  /** Whom it follows, itself if it leads; 0n: nobody. */
  leader: MemberId = 0n;
  leaderIncarnation = 0;
  /** Generation of the leadership it follows or followed last. Never falls. */
  leaderGeneration = 0;
  /** Highest generation heard of. Never falls. */
  generation = 0;
  /** Elections begun; names the latest in messages. */
  round = 0;
  /** Elections in a row that were answered and brought no leader. */
  tries = 0;
  /** As leader: somebody counts as high or higher, so the leadership goes on in a higher generation. */
  contested = false;
  /** As leader: has gone on in a higher generation since the last heartbeat; again only with the next. */
  renewed = false;
  dropped = 0;
  messages: { to: MemberId; bytes: Uint8Array }[] = [];
  notices: Notice[] = [];

  constructor(options: BullyOptions, now: number) {
    this.id = options.id;
    this.options = { ...options, preempt: options.preempt ?? true };
    this.random = new SeededRandom(options.incarnation);
    this.ranking = new Ranking(options.members);
    this.now = now;
  }

  /** Takes notice of a generation that somebody else knows. */
  learn(generation: number): void {
    this.generation = Math.max(this.generation, generation);
    if (this.role === "leader" && generation > this.leaderGeneration) this.contested = true;
  }

  send(message: BullyMessage, to: readonly MemberId[]): void {
    if (to.length === 0) return;
    const generation = message.type === "coordinator" ? this.leaderGeneration : this.generation;
    const bytes = encodeBullyMessage({ incarnation: this.options.incarnation, generation }, message);
    for (const id of to) this.messages.push({ to: id, bytes });
  }

  notice(level: Notice["level"], message: string, fields: Notice["fields"] = {}): void {
    this.notices.push({ level, message, fields });
  }
}
