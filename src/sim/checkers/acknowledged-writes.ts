/**
 * Every change in the log was made by exactly one call, by a lease that ended, or by nobody else: what was acknowledged
 * is in it once, at its revision, with exactly its effect; what was refused is not in it; what nobody knows the outcome
 * of is in it at most once. This is durability seen from outside, together with the integrity of the log (no entry is
 * applied twice, none is made up).
 */
import type { Call, History, HistoryChecker, TrueChange, Truth, Violation } from "../history.ts";
import { attribute, isEffect } from "./attribution.ts";
import { type AnsweredKvCall, hasChanged, isAnswered, isAnsweredKv, isRefused, mayWrite } from "./client-calls.ts";
import { executeAnswered, type KeyChange } from "./kv-execution.ts";
import { callTable, callText, kvText, quoted, violation } from "./narration.ts";
import { TrueStore } from "./true-store.ts";

const NAME = "acknowledged writes";

export const acknowledgedWrites: HistoryChecker = {
  name: NAME,
  source: "etcd docs, API guarantees: durability; atomic broadcast: validity, integrity, agreement",
  check(history, truth) {
    return new Ledger(history, truth).check();
  },
};

class Ledger {
  readonly #calls: readonly Call[];
  readonly #truth: Truth;
  readonly #store: TrueStore;
  /** Revisions and the acknowledged calls that made them. */
  readonly #makers = new Map<number, Call>();

  constructor({ calls }: History, truth: Truth) {
    this.#calls = calls;
    this.#truth = truth;
    this.#store = new TrueStore(truth);
  }

  check(): Violation | null {
    return this.#checkNumbering() ?? this.#checkAcknowledged() ?? this.#checkTheRest();
  }

  /** What this checker and others reckon from. */
  #checkNumbering(): Violation | null {
    for (const [at, { revision, events }] of this.#truth.changes.entries()) {
      if (revision !== at + 2) return violation(NAME, `the log's change ${at} has revision ${revision}, not ${at + 2}`);
      if (events.length === 0) return violation(NAME, `the log's revision ${revision} changes nothing`);
    }
    return null;
  }

  #checkAcknowledged(): Violation | null {
    for (const call of this.#calls) {
      if (!isAnsweredKv(call) || !mayWrite(call.request)) continue;
      const found = hasChanged(call.outcome.result) ? this.#checkEffect(call) : this.#checkNoEffect(call);
      if (found !== null) return found;
    }
    return null;
  }

  #checkEffect(call: AnsweredKvCall): Violation | null {
    const { revision } = call.outcome;
    const change = this.#store.change(revision);
    const say = (text: string): Violation => this.#tell(`${callText(call)} was acknowledged, ${text}`, [call], change);
    if (change === null) return say(`but the log has no revision ${revision}, only up to ${this.#store.revision}`);
    if (change.revokedLease !== null) return say(`but revision ${revision} is the end of lease ${change.revokedLease}`);
    if (change.committed.order < call.invoked.order) return say(`but revision ${revision} is older than the call`);
    if (change.committed.order > call.returned.order) return say(`before revision ${revision} was committed`);
    const { changes, discrepancy } = executeAnswered(this.#store.at(revision - 1), call);
    if (discrepancy !== null) return say(`but on the store of revision ${revision - 1}: ${discrepancy.text}`);
    if (!isEffect(changes, change)) return say(`but revision ${revision} has another effect in the log`);
    const maker = this.#makers.get(revision);
    if (maker !== undefined) return say(`but revision ${revision} was ${callText(maker)}`);
    this.#makers.set(revision, call);
    return null;
  }

  #checkNoEffect(call: AnsweredKvCall): Violation | null {
    const { revision } = call.outcome;
    const say = (text: string): Violation => this.#tell(`${callText(call)} was acknowledged, ${text}`, [call], null);
    if (revision > this.#store.revision) return say(`but the log has no revision ${revision}`);
    const { changes, discrepancy } = executeAnswered(this.#store.at(revision), call);
    if (discrepancy !== null) return say(`but on the store of revision ${revision}: ${discrepancy.text}`);
    if (changes.length > 0) return say(`as having changed nothing, but would have changed ${changeTexts(changes)}`);
    return null;
  }

  /** Every other change was made by a lease's end or by a call without an answer, and by each of these only once. */
  #checkTheRest(): Violation | null {
    const open = this.#truth.changes.filter(
      ({ revision, revokedLease }) => revokedLease === null && !this.#makers.has(revision),
    );
    const assigned = attribute(open, this.#calls, this.#store);
    const orphan = open.find((_, at) => assigned[at] === null);
    return orphan === undefined ? null : this.#tellOrphan(orphan, open, assigned);
  }

  /** Says who is in the log though it should not be, as far as the values tell. */
  #tellOrphan(orphan: TrueChange, open: readonly TrueChange[], assigned: readonly (Call | null)[]): Violation {
    const { revision } = orphan;
    const named = this.#calls.filter(({ id }) => orphan.events.some(({ kv }) => kv.value.includes(`#${id}#`)));
    const twice = named.find((call) => assigned.includes(call));
    if (twice !== undefined) {
      const first = open[assigned.indexOf(twice)]?.revision;
      return this.#tell(`${callText(twice)} is in the log twice, at ${first} and at ${revision}`, [twice], orphan);
    }
    const refused = named.find(isRefused);
    if (refused !== undefined) {
      return this.#tell(`${callText(refused)} was refused, but is in the log at ${revision}`, [refused], orphan);
    }
    const other = named.find(isAnswered);
    if (other !== undefined) {
      const at = `acknowledged at ${other.outcome.revision}, but is in the log at ${revision}`;
      return this.#tell(`${callText(other)} was ${at}, too`, [other], orphan);
    }
    return this.#tell(`revision ${revision} of the log was made by no call`, named, orphan);
  }

  #tell(sentence: string, calls: readonly Call[], change: TrueChange | null): Violation {
    const lines = calls.length === 0 ? [] : callTable(calls);
    const log =
      change === null ? [] : [`the log at ${change.revision} (index ${change.index}):`, ...eventTexts(change)];
    return violation(NAME, sentence, [...lines, ...log]);
  }
}

function eventTexts({ events }: TrueChange): string[] {
  return events.map(({ type, kv }) => (type === "put" ? `put ${kvText(kv)}` : `delete ${quoted(kv.key)}`));
}

function changeTexts(changes: readonly KeyChange[]): string {
  return changes.map(({ key, kv }) => (kv === null ? `delete ${quoted(key)}` : `put ${kvText(kv)}`)).join(", ");
}
