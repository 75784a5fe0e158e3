/**
 * What etcd promises of a watch, held against all changes there were:
 *
 * - ordered: revisions never go back; unique: no event comes twice; reliable: no event between two others is left out;
 * - atomic: the events of one revision come in one message, or in fragments that follow each other;
 * - resumable: a watch from a revision on is told everything from there on, and nothing before;
 * - bookmarkable: a progress message, or the header of a finished message of events, says that everything up to its
 *   revision was told;
 * - filters and `prev_kv` are followed, nothing is told before it is committed, and only who needs compacted changes is
 *   cancelled because of them.
 */
import type { ByteString, WatchEvent } from "../../wire/kv.ts";
import type { HistoryChecker, TrueChange, Violation, WatchMessage, WatchRecord } from "../history.ts";
import { isInRange, type KeyRange } from "./key-range.ts";
import { isSame, isSameOrNone } from "./key-values.ts";
import { alignedTable, kvText, quoted, rangeText, violation } from "./narration.ts";
import { FIRST_REVISION, TrueStore } from "./true-store.ts";

const NAME = "watch guarantees";
/** Messages told before the one that is wrong. */
const TOLD_BEFORE = 12;

export const watchGuarantees: HistoryChecker = {
  name: NAME,
  source: "etcd docs, API guarantees: watch APIs",
  check({ watches }, truth) {
    const store = new TrueStore(truth);
    for (const watch of watches) {
      const found = new WatchReplay(watch, store).run();
      if (found !== null) return found;
    }
    return null;
  },
};

/** Whether a watch is to be told of an event, if it is not from before its start. */
export function isWatched({ type, kv }: WatchEvent, { key, rangeEnd, noPut, noDelete }: WatchRecord): boolean {
  // An empty key stands for the first there can be.
  return !(type === "put" ? noPut : noDelete) && isInRange(kv.key, { key: key === "" ? "\0" : key, rangeEnd });
}

type EventsMessage = Extract<WatchMessage, { type: "events" }>;

/** A watch, message by message, beside the events it should be told. */
class WatchReplay {
  readonly #watch: WatchRecord;
  readonly #store: TrueStore;
  readonly #range: KeyRange;
  /** The next event to be told is the `#at`th of those of this revision that the watch is for. */
  #revision = 0;
  #at = 0;
  /** Everything up to here was told, as far as the client can know. */
  #told = 0;
  #isCreated = false;
  #isFragmentOpen = false;
  #isCanceled = false;

  constructor(watch: WatchRecord, store: TrueStore) {
    this.#watch = watch;
    this.#store = store;
    // An empty key stands for the first there can be.
    this.#range = { key: watch.key === "" ? "\0" : watch.key, rangeEnd: watch.rangeEnd };
  }

  run(): Violation | null {
    for (const [at, message] of this.#watch.messages.entries()) {
      const wrong = this.#take(message);
      if (wrong !== null) return this.#tell(wrong, at);
    }
    return null;
  }

  #take(message: WatchMessage): string | null {
    if (this.#isCanceled) return `a message of type "${message.type}" came after the watch was canceled`;
    if (message.type === "created") return this.#created(message.revision, message.moment.order);
    if (message.type === "canceled") return this.#canceled(message);
    if (!this.#isCreated) return `a message of type "${message.type}" came before the watch was created`;
    const early = this.#checkCommitted(message.revision, message.moment.order);
    if (early !== null) return early;
    if (message.revision < this.#told) {
      return `not ordered: revision ${message.revision} came after everything up to ${this.#told} had been told`;
    }
    if (message.type === "events") return this.#events(message);
    if (this.#isFragmentOpen) return "not atomic: progress came between the fragments of a revision";
    return this.#bookmark(message.revision, "progress");
  }

  #created(revision: number, order: number): string | null {
    if (this.#isCreated) return "it was created twice";
    this.#isCreated = true;
    const { startRevision } = this.#watch;
    this.#revision = startRevision > 0 ? startRevision : revision + 1;
    this.#told = startRevision > 0 ? 0 : revision;
    return this.#checkCommitted(revision, order);
  }

  #checkCommitted(revision: number, order: number): string | null {
    if (revision <= FIRST_REVISION) return null;
    const change = this.#store.change(revision);
    if (change === null) return `revision ${revision} was told, but the log ends at ${this.#store.revision}`;
    return change.committed.order > order ? `revision ${revision} was told before it was committed` : null;
  }

  #events(message: EventsMessage): string | null {
    if (message.events.length === 0) return "a message of events has no event";
    for (const event of message.events) {
      const wrong = this.#event(event, message);
      if (wrong !== null) return wrong;
    }
    this.#isFragmentOpen = message.fragment;
    if (message.fragment) return null;
    if (this.#at > 0 && this.#nextIn(this.#revision, this.#at) !== null) {
      return `not atomic: the message has only the first ${this.#at} events of revision ${this.#revision}`;
    }
    return this.#bookmark(message.revision, "the message's header");
  }

  #event(event: WatchEvent, message: EventsMessage): string | null {
    const { kv } = event;
    const { modRevision } = kv;
    const { startRevision, noPut, noDelete } = this.#watch;
    if (modRevision > message.revision) return `${eventText(event)} is newer than the header, ${message.revision}`;
    if (modRevision < startRevision) return `not resumable: ${eventText(event)} is from before the watch's start`;
    const change = this.#store.change(modRevision);
    if (change === null) return `${eventText(event)} is told, but there is no revision ${modRevision}`;
    const place = change.events.findIndex((other) => isSameEvent(other, event));
    if (place < 0) return `${eventText(event)} is told, but revision ${modRevision} is ${eventTexts(change)}`;
    if (!isInRange(kv.key, this.#range)) return `${eventText(event)} is told, which is outside of the watch's range`;
    if (event.type === "put" ? noPut : noDelete) return `${eventText(event)} is told, which is filtered out`;
    const previous = this.#checkPrevious(event, change.events[place] as WatchEvent, message);
    if (previous !== null) return previous;
    return this.#follow(event);
  }

  /** The event must be the next one. */
  #follow(event: WatchEvent): string | null {
    const { modRevision } = event.kv;
    if (modRevision < this.#revision || (modRevision === this.#revision && this.#isBehind(event))) {
      return modRevision === this.#newestTold()
        ? `not unique: ${eventText(event)} is told a second time`
        : `not ordered: ${eventText(event)} is told after later ones`;
    }
    let next = this.#nextIn(this.#revision, this.#at);
    while (next === null && this.#revision < modRevision) {
      this.#revision += 1;
      this.#at = 0;
      next = this.#nextIn(this.#revision, 0);
    }
    if (next === null || !isSameEvent(next, event)) {
      const missing = next === null ? "" : eventText(next);
      return `a gap: ${eventText(event)} is told, but ${missing} was not`;
    }
    this.#at += 1;
    return null;
  }

  /** Whether the event is one of its revision that was told already. */
  #isBehind(event: WatchEvent): boolean {
    const events = this.#store.change(this.#revision)?.events.filter((other) => this.#wants(other)) ?? [];
    return events.slice(0, this.#at).some((told) => isSameEvent(told, event));
  }

  #newestTold(): number {
    return this.#at > 0 ? this.#revision : this.#told;
  }

  #checkPrevious(event: WatchEvent, truth: WatchEvent, { moment }: EventsMessage): string | null {
    const { prevKv } = event;
    if (prevKv === null && truth.prevKv === null) return null;
    if (!this.#watch.prevKv) {
      return prevKv === null ? null : `${eventText(event)} is told with its previous version, which was not asked for`;
    }
    if (isSameOrNone(prevKv, truth.prevKv)) return null;
    const told = prevKv === null ? "without a previous version" : `with ${kvText(prevKv)} as the previous version`;
    // The version before a change at or below the compacted revision may be gone.
    const isCompacted = this.#store.compactedBy(moment.order) >= event.kv.modRevision;
    if (prevKv === null && isCompacted) return null;
    const should = truth.prevKv === null ? "there was none" : `it was ${kvText(truth.prevKv)}`;
    return `${eventText(event)} is told ${told}, but ${should}`;
  }

  /** Everything up to a revision is said to have been told. */
  #bookmark(revision: number, what: string): string | null {
    for (; this.#revision <= revision; this.#revision += 1) {
      const missing = this.#nextIn(this.#revision, this.#at);
      if (missing !== null) return `not bookmarkable: ${what} says ${revision}, but ${eventText(missing)} was not told`;
      this.#at = 0;
    }
    this.#told = Math.max(this.#told, revision);
    return null;
  }

  #canceled(message: Extract<WatchMessage, { type: "canceled" }>): string | null {
    this.#isCanceled = true;
    const { compactRevision, moment } = message;
    if (compactRevision <= 0) return null;
    const compacted = this.#store.compactedBy(moment.order);
    if (compactRevision > compacted) {
      const truly = compacted < 0 ? "nothing was" : `only ${compacted} was`;
      return `it was canceled because ${compactRevision} is compacted, but ${truly}`;
    }
    if (this.#isCreated && this.#revision >= compactRevision) {
      return (
        `it was canceled because of the compaction to ${compactRevision}, ` +
        `but needs nothing that is older than ${this.#revision}`
      );
    }
    return null;
  }

  /** The `at`th event of a revision that the watch is for. */
  #nextIn(revision: number, at: number): WatchEvent | null {
    let left = at;
    for (const event of this.#store.change(revision)?.events ?? []) {
      if (!this.#wants(event)) continue;
      if (left === 0) return event;
      left -= 1;
    }
    return null;
  }

  #wants(event: WatchEvent): boolean {
    return isWatched(event, this.#watch);
  }

  #tell(wrong: string, at: number): Violation {
    const { client, member, startRevision, prevKv, noPut, noDelete, messages } = this.#watch;
    const flags = [prevKv && "previous versions", noPut && "no puts", noDelete && "no deletes"].filter(Boolean);
    const from = startRevision > 0 ? `from revision ${startRevision}` : "from its creation";
    const options = flags.length > 0 ? ` (${flags.join(", ")})` : "";
    const who = `the watch of client ${client} at member ${member} on ${rangeText(this.#watch)} ${from}${options}`;
    const first = Math.max(0, at - TOLD_BEFORE);
    const table = alignedTable(messages.slice(first, at + 1).map(messageRow));
    const before = first === 0 ? [] : [`(${first} messages before)`];
    return violation(NAME, `${who}: ${wrong}`, [...before, ...table]);
  }
}

function isSameEvent(a: WatchEvent, b: WatchEvent): boolean {
  if (a.type !== b.type || a.kv.key !== b.kv.key) return false;
  return a.type === "put" ? isSame(a.kv, b.kv) : a.kv.modRevision === b.kv.modRevision;
}

function messageRow(message: WatchMessage): string[] {
  const when = `${message.moment.at} ms`;
  const header = `revision ${message.revision}`;
  switch (message.type) {
    case "created":
    case "progress":
      return [when, message.type, header, ""];
    case "events":
      return [when, message.fragment ? "fragment" : "events", header, message.events.map(eventText).join(", ")];
    case "canceled":
      return [when, "canceled", header, `compacted ${message.compactRevision}: ${message.reason}`];
  }
}

function eventText({ type, kv }: WatchEvent): string {
  const at = (key: ByteString): string => `${quoted(key)}@${kv.modRevision}`;
  return type === "put" ? `put ${at(kv.key)} ${quoted(kv.value)}` : `delete ${at(kv.key)}`;
}

function eventTexts({ events }: TrueChange): string {
  return events.map(eventText).join(", ");
}
