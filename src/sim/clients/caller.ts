/**
 * A client's half of a call: sends it, waits as long as its patience lasts, and writes down what came. A client that
 * got no good answer looks for another member, as an etcd client with several endpoints does.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { Call, ClientRequest, Outcome } from "../history.ts";
import type { Ending, Line } from "../world/line.ts";
import type { World } from "../world/world.ts";
import { decodeAnswer, encodeRequest } from "./codec.ts";
import type { Recorder } from "./recorder.ts";

/** What etcd's errors begin with after which a write may or may not have been made. */
const AMBIGUOUS = /request timed out/;
const UNAVAILABLE = 14;

export interface CallerOptions {
  readonly client: number;
  readonly world: World;
  readonly recorder: Recorder;
  readonly random: SeededRandom;
  readonly patienceMs: number;
}

export class Caller {
  readonly client: number;
  readonly world: World;
  readonly recorder: Recorder;
  readonly random: SeededRandom;
  readonly #patienceMs: number;
  #line: Line | null = null;
  #pinned = false;

  constructor(options: CallerOptions) {
    this.client = options.client;
    this.world = options.world;
    this.recorder = options.recorder;
    this.random = options.random;
    this.#patienceMs = options.patienceMs;
  }

  /** Talks to this member from now on, whatever it answers. */
  pin(line: Line): void {
    this.#pinned = true;
    this.#line = line;
  }

  /** The member it talks to now. */
  get line(): Line {
    this.#line ??= this.world.lineTo(this.random);
    return this.#line;
  }

  /** Next time, another member. */
  moveOn(): void {
    if (!this.#pinned) this.#line = null;
  }

  /** `done` comes exactly once, in a later event. */
  call(request: ClientRequest, done: (outcome: Outcome, call: Call) => void): void {
    const { line, world, recorder } = this;
    const record = recorder.invoked(this.client, line.member, request);
    const { path, bytes } = encodeRequest(request);
    let over = false;
    let answer: Uint8Array | null = null;
    const finish = (outcome: Outcome): void => {
      if (over) return;
      over = true;
      patience.cancel();
      recorder.returned(record, outcome, { member: line.member.id, life: call.life });
      const who = `c${this.client}`;
      world.trace.note(who, `#${record.id} ${request.type} ${outcome.type}`);
      world.trace.say(who, () => `   ${describeOutcome(outcome)}`);
      if (outcome.type === "unknown" || (outcome.type === "refused" && outcome.code === UNAVAILABLE)) this.moveOn();
      done(outcome, record);
    };
    world.trace.note(`c${this.client}`, `#${record.id} ${request.type} to ${line.member.name}`);
    const call = line.call(path, bytes, {
      message: (message) => {
        answer = message;
        world.trace.bytes(message);
        // A keep-alive stream stays open: its first answer is all that is wanted of it.
        if (request.type === "leaseKeepAlive") {
          finish({ type: "answered", ...decodeAnswer(request.type, message) });
          call.cancel();
        }
      },
      end: (ending) => finish(outcomeOf(request.type, ending, answer)),
    });
    const patience = world.timeline.at(world.timeline.now + this.#patienceMs, () => {
      finish({ type: "unknown", message: "the client gave up" });
      call.cancel();
    });
  }
}

function outcomeOf(type: ClientRequest["type"], ending: Ending, answer: Uint8Array | null): Outcome {
  switch (ending.type) {
    case "ok":
      if (answer === null) return { type: "unknown", message: "ended without an answer" };
      return { type: "answered", ...decodeAnswer(type, answer) };
    case "error": {
      const { status, message } = ending.error;
      return AMBIGUOUS.test(message) ? { type: "unknown", message } : { type: "refused", code: status, message };
    }
    case "refused":
      return { type: "refused", code: UNAVAILABLE, message: "connection refused" };
    case "lost":
      return { type: "unknown", message: "connection lost" };
  }
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.type !== "answered") return `${outcome.type} (${outcome.message})`;
  const { result } = outcome;
  const text = JSON.stringify(result, (key, value: unknown) => {
    if (typeof value === "bigint") return value.toString();
    return key === "type" ? undefined : value;
  });
  return `revision ${outcome.revision} ${text.length > 200 ? `${text.slice(0, 200)}…` : text}`;
}
