import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SeededRandom } from "../../consensus/random.ts";
import type { WatchMessage, WatchRecord } from "../history.ts";
import { HistoryBuilder } from "./testing/history-builder.ts";
import { type RandomHistory, randomHistory } from "./testing/random-history.ts";
import { put, remove, txn } from "./testing/requests.ts";
import { watchGuarantees } from "./watch-guarantees.ts";

function check(h: HistoryBuilder): string {
  return watchGuarantees.check(h.history, h.truth)?.message ?? "fine";
}

/** Revisions 2 to 6: `a`, `b`, `a` again with `c` in one, `a` gone, `d`. */
function withChanges(): HistoryBuilder {
  const h = new HistoryBuilder();
  h.run(1, put("a", "1"));
  h.run(1, put("b", "2"));
  h.run(1, txn([], [put("a", "3"), put("c", "3")]));
  h.run(1, remove("a"));
  h.run(1, put("d", "5"));
  return h;
}

function created(h: HistoryBuilder, more: Partial<Omit<WatchRecord, "messages">> = {}): WatchRecord {
  const watch = h.watch({ startRevision: 2, ...more });
  h.tell(watch, { type: "created", revision: h.store.revision });
  return watch;
}

function tell(h: HistoryBuilder, watch: WatchRecord, from: number, to = from, revision = to): void {
  h.tell(watch, { type: "events", revision, fragment: false, events: h.events(from, to) });
}

function progress(h: HistoryBuilder, watch: WatchRecord, revision: number): void {
  h.tell(watch, { type: "progress", revision });
}

function cancel(h: HistoryBuilder, watch: WatchRecord, compactRevision: number): void {
  h.tell(watch, { type: "canceled", revision: 0, compactRevision, reason: "" });
}

describe("watch guarantees: what may be told", () => {
  const fine: Record<string, (h: HistoryBuilder) => void> = {
    "everything, in one message": (h) => tell(h, created(h), 2, 6),
    "everything, one by one, with progress in between": (h) => {
      const watch = created(h);
      for (let revision = 2; revision <= 6; revision++) {
        tell(h, watch, revision);
        progress(h, watch, revision);
      }
    },
    "nothing yet": (h) => void created(h),
    "one revision in fragments": (h) => {
      const watch = created(h, { startRevision: 4 });
      const [one, two] = h.events(4);
      h.tell(watch, { type: "events", revision: 4, fragment: true, events: one ? [one] : [] });
      h.tell(watch, { type: "events", revision: 4, fragment: false, events: two ? [two] : [] });
      tell(h, watch, 5, 6);
    },
    "only what is in range": (h) => {
      const watch = created(h, { key: "b", rangeEnd: "" });
      tell(h, watch, 3);
      progress(h, watch, 6);
    },
    "only what passes the filters": (h) => {
      const watch = created(h, { noPut: true });
      tell(h, watch, 5);
      const other = created(h, { key: "a", rangeEnd: "", noDelete: true });
      h.tell(other, {
        type: "events",
        revision: 4,
        fragment: false,
        events: h.events(2, 4).filter(({ kv }) => kv.key === "a"),
      });
      progress(h, other, 6);
    },
    "what comes after its creation": (h) => {
      const watch = created(h, { startRevision: 0 });
      h.run(1, put("e", "6"));
      tell(h, watch, 7);
    },
    "what comes from a revision on that is still to come": (h) => {
      const watch = created(h, { startRevision: 8 });
      h.run(1, put("e", "6"));
      h.run(1, put("e", "7"));
      tell(h, watch, 8);
    },
    "previous versions": (h) => {
      const watch = created(h, { prevKv: true });
      const events = h.changes.flatMap((change) => change.events);
      h.tell(watch, { type: "events", revision: 6, fragment: false, events });
    },
    "no previous versions of what was compacted": (h) => {
      const watch = created(h, { prevKv: true, startRevision: 4 });
      h.run(1, { type: "compact", revision: 4 });
      tell(h, watch, 4);
    },
    "that it needs what was compacted": (h) => {
      h.run(1, { type: "compact", revision: 4 });
      cancel(h, created(h, { startRevision: 3 }), 4);
    },
    "that it is refused": (h) => cancel(h, h.watch(), 0),
    "everything there is, for a range without key and end": (h) =>
      tell(h, created(h, { key: "", rangeEnd: "\0" }), 2, 6),
  };
  for (const [name, make] of Object.entries(fine)) {
    it(name, () => {
      const h = withChanges();
      make(h);
      assert.equal(check(h), "fine");
    });
  }

  it("whatever is told by a watch that tells all", () => {
    for (let seed = 1; seed <= 30; seed++) {
      const { history, truth } = randomHistory({ seed, calls: 300, keys: 8 });
      assert.equal(watchGuarantees.check(history, truth)?.message, undefined, `seed ${seed}`);
    }
  });
});

describe("watch guarantees: what must not be told", () => {
  const wrong: Record<string, [(h: HistoryBuilder) => void, RegExp]> = {
    "older revisions after newer ones": [
      (h) => {
        const watch = created(h, { startRevision: 0 });
        h.run(1, put("e", "6"));
        h.run(1, put("e", "7"));
        tell(h, watch, 7, 8);
        h.tell(watch, { type: "events", revision: 8, fragment: false, events: h.events(7) });
      },
      /not ordered: put "e"@7/,
    ],
    "a header that goes back": [
      (h) => {
        const watch = created(h);
        tell(h, watch, 2, 5);
        progress(h, watch, 4);
      },
      /not ordered: revision 4 came after everything up to 5/,
    ],
    "an event twice": [
      (h) => {
        const watch = created(h);
        tell(h, watch, 2);
        tell(h, watch, 2);
      },
      /not unique: put "a"@2/,
    ],
    "an event twice in a message": [
      (h) => {
        const events = [...h.events(2), ...h.events(2)];
        h.tell(created(h), { type: "events", revision: 2, fragment: false, events });
      },
      /not unique: put "a"@2/,
    ],
    "a gap": [
      (h) => {
        const watch = created(h);
        tell(h, watch, 2);
        tell(h, watch, 4);
      },
      /a gap: put "a"@4 "3" is told, but put "b"@3 "2" was not/,
    ],
    "a gap at the start": [(h) => tell(h, created(h), 3), /a gap: .* put "a"@2 "1" was not/],
    "a gap in a revision": [
      (h) =>
        h.tell(created(h, { startRevision: 4 }), {
          type: "events",
          revision: 4,
          fragment: false,
          events: h.events(4).slice(1),
        }),
      /a gap: put "c"@4/,
    ],
    "half a revision": [
      (h) =>
        h.tell(created(h, { startRevision: 4 }), {
          type: "events",
          revision: 4,
          fragment: false,
          events: h.events(4).slice(0, 1),
        }),
      /not atomic: the message has only the first 1 events of revision 4/,
    ],
    "progress between fragments": [
      (h) => {
        const watch = created(h, { startRevision: 4 });
        h.tell(watch, { type: "events", revision: 4, fragment: true, events: h.events(4).slice(0, 1) });
        progress(h, watch, 4);
      },
      /not atomic: progress came between/,
    ],
    "progress ahead of events": [(h) => progress(h, created(h), 3), /not bookmarkable: progress says 3, but put "a"@2/],
    "progress in a header ahead of events": [
      (h) => tell(h, created(h), 2, 2, 4),
      /not bookmarkable: the message's header says 4, but put "b"@3/,
    ],
    "events that progress had passed": [
      (h) => {
        const watch = created(h, { key: "b", rangeEnd: "" });
        tell(h, watch, 3);
        progress(h, watch, 6);
        tell(h, watch, 3, 3, 6);
      },
      /not ordered: put "b"@3/,
    ],
    "events from before its start": [
      (h) => tell(h, created(h, { startRevision: 4 }), 3, 4),
      /not resumable: put "b"@3/,
    ],
    "events from before its creation": [(h) => tell(h, created(h, { startRevision: 0 }), 6), /not (ordered|unique)/],
    "events out of range": [(h) => tell(h, created(h, { key: "b", rangeEnd: "" }), 2), /outside of the watch's range/],
    "filtered puts": [(h) => tell(h, created(h, { noPut: true }), 2), /filtered out/],
    "filtered deletions": [(h) => tell(h, created(h, { noDelete: true, startRevision: 5 }), 5), /filtered out/],
    "another value": [
      (h) => {
        const events = h.events(2).map((event) => ({ ...event, kv: { ...event.kv, value: "x" } }));
        h.tell(created(h), { type: "events", revision: 2, fragment: false, events });
      },
      /put "a"@2 "x" is told, but revision 2 is put "a"@2 "1"/,
    ],
    "a revision that there is not": [
      (h) => {
        const events = h.events(6).map((event) => ({ ...event, kv: { ...event.kv, modRevision: 9 } }));
        h.tell(created(h), { type: "events", revision: 9, fragment: false, events });
      },
      /revision 9 was told, but the log ends at 6/,
    ],
    "an event newer than the header": [
      (h) => tell(h, created(h), 2, 3, 2),
      /put "b"@3 "2" is newer than the header, 2/,
    ],
    "what is not committed yet": [
      (h) => {
        const watch = created(h, { startRevision: 0 });
        const moment = h.moment();
        h.run(1, put("e", "6"));
        watch.messages.push({ type: "events", moment, revision: 7, fragment: false, events: h.events(7) });
      },
      /revision 7 was told before it was committed/,
    ],
    "a previous version that was not asked for": [
      (h) => {
        const events = h.changes[2]?.events ?? [];
        h.tell(created(h, { startRevision: 4 }), { type: "events", revision: 4, fragment: false, events });
      },
      /previous version, which was not asked for/,
    ],
    "a wrong previous version": [
      (h) => {
        const events = (h.changes[2]?.events ?? []).map((event) => ({
          ...event,
          prevKv: event.prevKv && { ...event.prevKv, value: "x" },
        }));
        h.tell(created(h, { startRevision: 4, prevKv: true }), {
          type: "events",
          revision: 4,
          fragment: false,
          events,
        });
      },
      /with "a"="x"@2 .* as the previous version, but it was "a"="1"@2/,
    ],
    "no previous version": [
      (h) => tell(h, created(h, { startRevision: 4, prevKv: true }), 4),
      /without a previous version, but it was "a"="1"@2/,
    ],
    "a compaction that was not": [(h) => cancel(h, created(h), 4), /because 4 is compacted, but nothing was/],
    "a compaction that went not as far": [
      (h) => {
        h.run(1, { type: "compact", revision: 3 });
        cancel(h, created(h), 4);
      },
      /because 4 is compacted, but only 3 was/,
    ],
    "a compaction that takes nothing it needs": [
      (h) => {
        const watch = created(h);
        tell(h, watch, 2, 4);
        h.run(1, { type: "compact", revision: 5 });
        cancel(h, watch, 5);
      },
      /but needs nothing that is older than 5/,
    ],
    "anything after it was canceled": [
      (h) => {
        const watch = created(h);
        cancel(h, watch, 0);
        tell(h, watch, 2);
      },
      /"events" came after the watch was canceled/,
    ],
    "anything before it was created": [(h) => tell(h, h.watch(), 2), /before the watch was created/],
    "that it was created twice": [(h) => h.tell(created(h), { type: "created", revision: 6 }), /created twice/],
    "events that are none": [
      (h) => h.tell(created(h), { type: "events", revision: 2, fragment: false, events: [] }),
      /no event/,
    ],
  };
  for (const [name, [make, message]] of Object.entries(wrong)) {
    it(name, () => {
      const h = withChanges();
      make(h);
      assert.match(check(h), message);
    });
  }

  it("tells the messages before, no more than a screen", () => {
    const h = withChanges();
    const watch = created(h, { startRevision: 0 });
    for (let n = 0; n < 40; n++) {
      h.run(1, put("e", String(n)));
      if (n !== 38) tell(h, watch, h.store.revision);
    }
    const lines = check(h).split("\n");
    assert.match(lines[0] ?? "", /^the watch of client 1 at member 1 on \["a", "z"\) from its creation: a gap/);
    assert.ok(lines.length <= 20, `${lines.length} lines`);
  });
});

const spoilers: Record<string, (messages: WatchMessage[], random: SeededRandom) => boolean> = {
  "a lost message": (messages, random) => {
    // A lost last message might only be late.
    const at = pickEvents(messages.slice(0, -1), random);
    return (
      at >= 0 && messages.slice(at + 1).some(({ type }) => type !== "canceled") && messages.splice(at, 1).length > 0
    );
  },
  "a lost event": (messages, random) => {
    const at = pickEvents(messages, random);
    const message = messages[at];
    if (message?.type !== "events" || message.events.length < 2) return false;
    messages[at] = { ...message, events: message.events.toSpliced(random.below(message.events.length), 1) };
    return true;
  },
  "a repeated message": (messages, random) => {
    const at = pickEvents(messages, random);
    const message = messages[at];
    return message !== undefined && messages.splice(at, 0, message).length === 0;
  },
  "two events in a wrong order": (messages, random) => {
    const at = pickEvents(messages, random);
    const message = messages[at];
    if (message?.type !== "events" || message.events.length < 2) return false;
    messages[at] = { ...message, events: message.events.toReversed() };
    return true;
  },
  "progress that ran ahead": (messages, random) => {
    const at = pickEvents(messages, random);
    const message = messages[at];
    if (message?.type !== "events") return false;
    messages.splice(at, 0, { type: "progress", moment: message.moment, revision: message.revision });
    return true;
  },
};

function pickEvents(messages: readonly WatchMessage[], random: SeededRandom): number {
  const places = messages.flatMap(({ type }, at) => (type === "events" ? [at] : []));
  return places[random.below(Math.max(1, places.length))] ?? -1;
}

function spoil({ history, truth }: RandomHistory, name: string, random: SeededRandom): RandomHistory | null {
  const watches = history.watches.map((watch) => ({ ...watch, messages: [...watch.messages] }));
  const isSpoiled = watches.some(({ messages }) => spoilers[name]?.(messages, random) === true);
  return isSpoiled ? { history: { ...history, watches }, truth } : null;
}

describe("watch guarantees, by chance", () => {
  for (const name of Object.keys(spoilers)) {
    it(`finds ${name}`, () => {
      let found = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const spoiled = spoil(randomHistory({ seed, calls: 300, keys: 8 }), name, new SeededRandom(seed));
        if (spoiled === null) continue;
        found += 1;
        assert.notEqual(watchGuarantees.check(spoiled.history, spoiled.truth), null, `seed ${seed}`);
      }
      assert.ok(found > 10, `only ${found} histories`);
    });
  }
});
