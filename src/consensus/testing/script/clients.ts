/** What the clients of a bench asked for, and what became of it. */
import type { MemberId } from "../../../environment.ts";
import type { Entry, Position, Refusal } from "../../engine.ts";
import { EntryKind } from "../../engine.ts";
import { ScriptError } from "./scenario-file.ts";
import { decodeValue } from "./wording.ts";

/** A proposal, a read, a change of members, or a transfer. */
export interface Call {
  /** How scripts and transcripts call it. */
  readonly name: string;
  readonly member: MemberId;
  /** Of a proposal or a change: the place it got. */
  position: Position | null;
  refused: Refusal | null;
  /** Of a read: what the engine said it may be answered at, and what the member answered. */
  readIndex: number | null;
  answer: string | null;
}

export class Clients {
  /** What any member gave out as committed, by index - 1. */
  readonly committed: Entry[] = [];
  readonly #calls: Call[] = [];
  readonly #named = new Map<string, Call>();

  /** Begins a call; its id is its place in the order of all. */
  begin(name: string, member: MemberId): number {
    if (this.#named.has(name)) throw new ScriptError(`there is a ${name} already: give this one another name`);
    const id = this.beginUnnamed(name, member);
    this.#named.set(name, this.byId(id));
    return id;
  }

  /** Begins a call that a script speaks of at most as the last one. */
  beginUnnamed(words: string, member: MemberId): number {
    return this.#calls.push({
      name: words,
      member,
      position: null,
      refused: null,
      readIndex: null,
      answer: null,
    });
  }

  get last(): Call {
    return this.byId(this.#calls.length);
  }

  byId(id: number): Call {
    const call = this.#calls[id - 1];
    if (call === undefined) throw new RangeError(`an engine speaks of a call ${id} that nobody made`);
    return call;
  }

  byName(name: string): Call {
    const call = this.#named.get(name);
    if (call === undefined) throw new ScriptError(`nothing was asked for under the name ${name}`);
    return call;
  }

  /** Reads of this member that its engine let pass, and that it has not answered. */
  *readable(member: MemberId): Generator<Call> {
    for (const call of this.#calls) {
      if (call.member === member && call.readIndex !== null && call.answer === null) yield call;
    }
  }

  /** The member's process ended: nobody there remembers what was asked. */
  forget(member: MemberId): void {
    for (const call of this.#calls) if (call.member === member && call.answer === null) call.readIndex = null;
  }

  noteCommitted(entry: Entry): void {
    this.committed[entry.index - 1] ??= entry;
  }

  /** Whether a proposal took effect; "lost": another entry is committed in its place; "open": not decided yet. */
  fateOf(name: string): "committed" | "lost" | "open" {
    const { position } = this.byName(name);
    if (position === null) return "open";
    const there = this.committed[position.index - 1];
    if (there === undefined) return "open";
    return there.epoch === position.epoch ? "committed" : "lost";
  }

  /** What a state machine answers that has applied everything up to `index`: the last value that was put. */
  valueAt(index: number): string {
    for (let i = Math.min(index, this.committed.length) - 1; i >= 0; i--) {
      const entry = this.committed[i];
      if (entry?.kind === EntryKind.command) return decodeValue(entry.data);
    }
    return "nothing";
  }
}
