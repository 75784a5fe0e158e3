/**
 * Whether an instance can take calls, as its own program finds out: each check is made again and again, and has to pass or
 * to fail several times in a row before that counts.
 *
 *     not checked ──▶ passing ⇄ failing        all pass: up; else: down, with what the first one that fails said
 */
import type { Clock, Scheduled } from "../../environment.ts";
import { Wait } from "../../kv/wait.ts";
import { invalid } from "./errors.ts";

/** A way to find out whether an instance can take calls. */
export interface HealthCheck {
  /** For people: `GET /health`. */
  readonly name: string;
  /** Passes when it resolves, fails when it rejects or takes too long; the error's message is told to others. */
  probe(call: { readonly signal: AbortSignal }): Promise<unknown>;
  /** From the end of one to the beginning of the next; default 5,000 ms. */
  readonly everyMs?: number;
  /** Default 2,000 ms. */
  readonly timeoutMs?: number;
  /** So many in a row pass before it counts as passing; default 1. */
  readonly rise?: number;
  /** So many in a row fail before it counts as failing; default 2. */
  readonly fall?: number;
}

export interface Verdict {
  readonly ok: boolean;
  /** Which check fails, and why; "" if none does. */
  readonly reason: string;
}

interface Standing {
  readonly check: HealthCheck;
  ok: boolean;
  reason: string;
  /** In a row, of what it is not yet. */
  contrary: number;
  timer: Scheduled | null;
}

export class Health implements Disposable {
  readonly #clock: Clock;
  readonly #standings: readonly Standing[];
  readonly #changed: () => void;
  readonly #over = new AbortController();

  /**
   * @param changed called when the verdict is another one
   * @throws QuorateError `INVALID_ARGUMENT` naming the check and what cannot be used
   */
  constructor(clock: Clock, checks: readonly HealthCheck[], changed: () => void) {
    for (const check of checks) checkCheck(check);
    this.#clock = clock;
    this.#changed = changed;
    this.#standings = checks.map((check) => {
      return { check, ok: false, reason: "not checked yet", contrary: 0, timer: null };
    });
    for (const standing of this.#standings) void this.#probe(standing);
  }

  get verdict(): Verdict {
    const failing = this.#standings.find(({ ok }) => !ok);
    return {
      ok: failing === undefined,
      reason: failing === undefined ? "" : `${failing.check.name}: ${failing.reason}`,
    };
  }

  [Symbol.dispose](): void {
    this.#over.abort();
    for (const { timer } of this.#standings) timer?.cancel();
  }

  async #probe(standing: Standing): Promise<void> {
    const { check } = standing;
    const { everyMs = 5_000, timeoutMs = 2_000, rise = 1, fall = 2 } = check;
    const reason = await this.#ask(check, timeoutMs);
    if (this.#over.signal.aborted) return;
    const before = this.verdict;
    const ok = reason === "";
    if (!ok && !standing.ok) standing.reason = reason;
    if (ok === standing.ok) {
      standing.contrary = 0;
    } else {
      standing.contrary++;
      if (standing.contrary >= (ok ? rise : fall)) Object.assign(standing, { ok, reason, contrary: 0 });
    }
    const { verdict } = this;
    if (verdict.ok !== before.ok || verdict.reason !== before.reason) this.#changed();
    standing.timer = this.#clock.after(everyMs, () => void this.#probe(standing));
  }

  /** Why it failed; "": it passed. */
  async #ask(check: HealthCheck, timeoutMs: number): Promise<string> {
    using wait = new Wait(this.#clock, { signal: this.#over.signal, timeoutMs });
    const given = new AbortController();
    try {
      await wait.for(Promise.resolve(check.probe({ signal: given.signal })));
      return "";
    } catch (error) {
      if (wait.over) return `no answer within ${timeoutMs} ms`;
      return error instanceof Error && error.message !== "" ? error.message : String(error);
    } finally {
      // What the probe still has open is not needed any more.
      given.abort();
    }
  }
}

function checkCheck({ name, everyMs = 1, timeoutMs = 1, rise = 1, fall = 1 }: HealthCheck): void {
  const what = `health check ${JSON.stringify(name)}`;
  if (typeof name !== "string" || name === "") throw invalid(`${what}: give it a name that is not empty`);
  for (const [option, value] of Object.entries({ everyMs, timeoutMs })) {
    if (!(value > 0)) throw invalid(`${what}: ${option} is ${String(value)}: give milliseconds above 0`);
  }
  for (const [option, value] of Object.entries({ rise, fall })) {
    if (!Number.isInteger(value) || value < 1) {
      throw invalid(`${what}: ${option} is ${String(value)}: give a whole number above 0`);
    }
  }
}
