/** Watchers in the keyspace: every change from their revision on, once, in order. */
import type { Defect } from "../defect.ts";

const hub = "src/keyspace/watch-hub.ts";

export const watches: readonly Defect[] = [
  {
    name: "watch-overtaken-by-compaction",
    room: "keyspace",
    what: "A watcher that a compaction overtakes goes on behind it, without a word of what it missed.",
    source: "etcd-io/etcd#18089, #17529; etcd API: a compacted watch is canceled",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: hub,
        text:
          "  #endCohort(cohort: Cohort): void {\n    for (const watcher of cohort.members) {\n" +
          "      this.#end(watcher);\n      watcher.sink.compacted(watcher, this.#source.compactRevision);\n    }\n",
        replacement:
          "  #endCohort(cohort: Cohort): void {\n    if (cohort === this.#synced) return;\n" +
          "    cohort.nextRevision = this.#source.compactRevision;\n    this.#settle(cohort);\n",
      },
    ],
  },
  {
    name: "paused-watch-overtaken",
    room: "keyspace",
    what: "A watcher of a slow client whose history is compacted meanwhile goes on where history begins now.",
    source: "etcd-io/etcd#17529, #15402 (starved watch streams)",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: hub,
        text: "      this.#end(watcher);\n      watcher.sink.compacted(watcher, compactRevision);\n    }\n  }\n\n  /** After a snapshot",
        replacement: "      watcher.ownNext = compactRevision;\n    }\n  }\n\n  /** After a snapshot",
      },
    ],
  },
  {
    name: "future-watch-told-early",
    room: "keyspace",
    what: "A watch that begins at a later revision is told of all from now on.",
    source: "etcd-io/etcd#20221",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: hub,
        text: "    const next = request.startRevision > 0 ? request.startRevision : this.#source.revision + 1;",
        replacement:
          "    const now = this.#source.revision + 1;\n" +
          "    const next = request.startRevision > 0 ? Math.min(request.startRevision, now) : now;",
      },
    ],
  },
  {
    name: "watch-gap-at-snapshot",
    room: "keyspace",
    what: "When a snapshot replaces the state, watchers jump to its revision: what lies between is never told.",
    source: "etcd-io/etcd#15271; etcd-io/etcd watchableStore Restore (synced watchers become unsynced)",
    engine: "any",
    habitat: "late members",
    patches: [
      {
        file: hub,
        text: "    this.#source = source;\n    this.#moveTo(source.revision);",
        replacement:
          "    this.#source = source;\n    this.#synced.nextRevision = source.revision + 1;\n    this.#moveTo(source.revision);",
      },
    ],
  },
  {
    name: "watch-of-replaced-state",
    room: "replica",
    what: "After a snapshot was installed, watchers still look at the state that it replaced: they hear nothing any more.",
    source: "etcd-io/etcd#15271",
    engine: "any",
    habitat: "late members",
    patches: [
      { file: "src/replica/replica.ts", text: "    this.watches.replaceSource(this.keyspace);\n", replacement: "" },
    ],
  },
  {
    name: "catch-up-skips-passenger",
    room: "keyspace",
    what: "A watcher that catches up takes one along that is a revision behind it, which is then never told of that one.",
    source: "etcd-io/etcd syncWatchers (minimum revision of a group); etcd-io/etcd#17529",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: hub,
        text: "        const boarding = waiting.get(revision);\n        if (boarding === undefined) continue;\n        waiting.delete(revision);",
        replacement:
          "        const boarding = waiting.get(revision - 1) ?? waiting.get(revision);\n" +
          "        if (boarding === undefined) continue;\n        waiting.delete(boarding.nextRevision);",
      },
    ],
  },
  {
    name: "events-lost-when-paused",
    room: "keyspace",
    what: "A watcher whose client was too slow goes on one revision too far, and that one is never told.",
    source: "etcd-io/etcd#17529 (events lost on stream starvation)",
    engine: "any",
    habitat: "watches",
    patches: [
      {
        file: "src/keyspace/watch-cohort.ts",
        text: "    this.ownNext = this.cohort.nextRevision;\n",
        replacement: "    this.ownNext = this.cohort.nextRevision + 1;\n",
      },
    ],
  },
];
