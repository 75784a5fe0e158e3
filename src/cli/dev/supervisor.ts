/**
 * Keeps the members of `quorate dev` running and says what happens to them: when the cluster is ready, when a member
 * ends and is started again, when another leads.
 */
import type { MemberPlan } from "./layout.ts";
import type { MemberReport } from "./reports.ts";

/** How a member's process ended. `reason` is its own last word, if it had one. */
export interface MemberEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly reason: string | null;
}

export interface MemberEvents {
  report(report: MemberReport): void;
  /** Exactly once, the last event. */
  ended(end: MemberEnd): void;
}

/** A member's process. */
export interface MemberHandle {
  /** Asks it to end in good order; all others are asked, too. */
  stop(): void;
  /** Ends it at once. */
  kill(): void;
}

export interface SupervisorOptions {
  readonly plans: readonly MemberPlan[];
  launch(plan: MemberPlan, events: MemberEvents): MemberHandle;
  /** One line for the user. */
  say(kind: "ready" | "news" | "trouble", line: string): void;
  /** Milliseconds on a clock that never jumps. */
  now(): number;
  /** Calls back once; returns the way to cancel. */
  after(delayMs: number, run: () => void): () => void;
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** A member that ran this long is started again without delay having grown. */
const PROVEN_MS = 30_000;
/** Longer than a member allows itself to stop. */
const STOP_LIMIT_MS = 20_000;
/** The exit code of a member that could not be started as configured. */
const REFUSED = 2;

type MemberState =
  | { readonly type: "starting" | "up"; readonly handle: MemberHandle; readonly since: number }
  | { readonly type: "pausing"; readonly cancel: () => void }
  | { readonly type: "ended" };

interface Supervised {
  readonly plan: MemberPlan;
  state: MemberState;
  /** Hexadecimal, from its first report. */
  id: string | null;
  everUp: boolean;
  pauseMs: number;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #members: Supervised[];
  readonly #startedAt: number;
  #ready = false;
  #leader = "0";
  #epoch = 0;
  #stopping = false;
  readonly #refused = Promise.withResolvers<string>();
  readonly #allEnded = Promise.withResolvers<void>();

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    this.#members = options.plans.map((plan) => ({
      plan,
      state: { type: "ended" },
      id: null,
      everUp: false,
      pauseMs: FIRST_PAUSE_MS,
    }));
  }

  /** Resolves with the reason if a member cannot be started as configured; starting it again would not help. */
  get refused(): Promise<string> {
    return this.#refused.promise;
  }

  start(): void {
    for (const member of this.#members) this.#launch(member);
  }

  /** Asks all members to stop, and ends those that do not in time. Resolves when none runs. */
  async stop(): Promise<void> {
    this.#stopping = true;
    for (const { state } of this.#members) {
      if (state.type === "pausing") state.cancel();
      else if (state.type !== "ended") state.handle.stop();
    }
    const cancel = this.#options.after(STOP_LIMIT_MS, () => {
      for (const { plan, state } of this.#members) {
        if (state.type !== "starting" && state.type !== "up") continue;
        this.#options.say("trouble", `${plan.name} did not stop within ${STOP_LIMIT_MS / 1000} s: ending it`);
        state.handle.kill();
      }
    });
    this.#checkAllEnded();
    await this.#allEnded.promise;
    cancel();
  }

  #launch(member: Supervised): void {
    const events: MemberEvents = {
      report: (report) => this.#reported(member, report),
      ended: (end) => this.#ended(member, end),
    };
    const since = this.#options.now();
    member.state = { type: "starting", handle: this.#options.launch(member.plan, events), since };
  }

  #reported(member: Supervised, report: MemberReport): void {
    switch (report.type) {
      case "started":
        member.id = report.memberId;
        if (member.state.type === "starting") member.state = { ...member.state, type: "up" };
        if (member.everUp && !this.#stopping) this.#options.say("news", `${member.plan.name} is back`);
        member.everUp = true;
        break;
      case "leadership":
        // A member that was away may tell of an older leader.
        if (report.leader === "0" || report.epoch < this.#epoch) return;
        if (report.leader === this.#leader && report.epoch === this.#epoch) break;
        this.#moved(report.leader, report.epoch);
        break;
    }
    this.#checkReady();
  }

  #moved(leader: string, epoch: number): void {
    const same = leader === this.#leader;
    this.#leader = leader;
    this.#epoch = epoch;
    if (!this.#ready || same || this.#stopping) return;
    this.#options.say("news", `${this.#nameOf(leader)} leads now (term ${epoch})`);
  }

  #checkReady(): void {
    if (this.#ready || this.#stopping || this.#leader === "0") return;
    if (!this.#members.every(({ state }) => state.type === "up")) return;
    this.#ready = true;
    const seconds = ((this.#options.now() - this.#startedAt) / 1000).toFixed(1);
    const count = this.#members.length;
    this.#options.say(
      "ready",
      `Ready after ${seconds} s: ${this.#nameOf(this.#leader)} leads ${count === 1 ? "alone" : `${count} members`}.`,
    );
  }

  #ended(member: Supervised, end: MemberEnd): void {
    const { state, plan } = member;
    const ranMs = state.type === "starting" || state.type === "up" ? this.#options.now() - state.since : 0;
    member.state = { type: "ended" };
    if (this.#stopping) {
      this.#checkAllEnded();
      return;
    }
    if (end.code === REFUSED && !member.everUp) {
      this.#refused.resolve(`${plan.name}: ${end.reason ?? `refused its configuration (see ${plan.logFile})`}`);
      return;
    }
    if (ranMs >= PROVEN_MS) member.pauseMs = FIRST_PAUSE_MS;
    const pauseMs = member.pauseMs;
    member.pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    const how = end.signal === null ? `ended with code ${end.code ?? "unknown"}` : `was killed by ${end.signal}`;
    const why = end.reason === null ? "" : `: ${end.reason}`;
    this.#options.say("trouble", `${plan.name} ${how}${why}; starting it again in ${pauseMs / 1000} s`);
    const cancel = this.#options.after(pauseMs, () => this.#launch(member));
    member.state = { type: "pausing", cancel };
  }

  #checkAllEnded(): void {
    const running = this.#members.some(({ state }) => state.type === "starting" || state.type === "up");
    if (this.#stopping && !running) this.#allEnded.resolve();
  }

  #nameOf(id: string): string {
    return this.#members.find((member) => member.id === id)?.plan.name ?? `member ${id}`;
  }
}
