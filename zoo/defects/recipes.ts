/** Locks, counters and the like: who holds, who is next, what counts once. */
import type { Defect } from "../defect.ts";

const admission = "src/coordination/admission.ts";
const hold = "src/coordination/hold.ts";
const line = "src/coordination/line.ts";
const session = "src/coordination/session.ts";
const settledWrites = "src/coordination/settled-writes.ts";

export const recipes: readonly Defect[] = [
  {
    name: "lock-without-lease-check",
    room: "coordination",
    what: "Who waits for a lock is let in when nobody is before it, though its own lease, and place, are long gone.",
    source: "Jepsen, etcd 3.4.3 (2020); etcd-io/etcd#11456",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: line,
        text: "    const request = { compare: [isCreatedAt(place.key, place.revision)], success: reads, failure: [] };",
        replacement: "    const request = { compare: [], success: reads, failure: [] };",
      },
      {
        file: admission,
        text: "    using wait = new Wait(clock, { signal: whole.signal }, session);",
        replacement: "    using wait = new Wait(clock, { signal: whole.signal });",
      },
      { file: hold, text: "    session.assertHeld();\n    assert(revision", replacement: "    assert(revision" },
    ],
  },
  {
    name: "predecessor-gone-is-turn",
    room: "coordination",
    what: "A waiter takes it for its turn that the one before it is gone, who may have given up without ever having held.",
    source: "etcd-io/etcd#16221",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: line,
        text: "        await this.gone(ahead.key, view.revision, wait);\n        backoff.reset();",
        replacement: "        await this.gone(ahead.key, view.revision, wait);\n        return place;",
      },
    ],
  },
  {
    name: "writer-passes-writer",
    room: "coordination",
    what: "A writer waits for the readers before it, but not for writers: two write at once.",
    source: "etcd-io/etcd#16221",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: "src/coordination/read-write-lock.ts",
        text: "prefix: writers, blocking: all, label",
        replacement: "prefix: writers, blocking: readers, label",
      },
    ],
  },
  {
    name: "release-deletes-anothers-key",
    room: "coordination",
    what: "A release deletes the key by its name, whoever has made it: repeated, it takes the office of the next.",
    source: "redis.io, distributed locks: release only what is still one's own",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: settledWrites,
        text: "    const request = { compare: [isCreatedAt(key, createRevision)], success: [deleteOp(key)], failure: [] };",
        replacement:
          "    const request = { compare: [isCreatedAt(key, createRevision)].slice(1), success: [deleteOp(key)], failure: [] };",
      },
    ],
  },
  {
    name: "released-before-told",
    room: "coordination",
    what: "A release deletes the key first and aborts the signal when that is done: meanwhile two hold it.",
    source: "coordination/hold.ts",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: hold,
        text: "      this.#controller.abort(reason);\n      if (wasHeld)",
        replacement: "      await this.#drop();\n      this.#controller.abort(reason);\n      if (wasHeld)",
      },
    ],
  },
  {
    name: "session-counts-from-the-answer",
    room: "coordination",
    what: "A session counts its whole time from when a renewal was answered, not from when it left, with no margin: it ends too late.",
    source: "Gray and Cheriton 1989, leases; etcd clientv3 lease.go, KeepAlive",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: session,
        text: "      this.#extend(renewal.sentAt, renewal.ttlSeconds);",
        replacement: "      this.#extend(this.#clock.now(), renewal.ttlSeconds);",
      },
      {
        file: session,
        text: "Math.max(this.#heldUntil, sentAt + this.#ttlMs - marginMs);",
        replacement: "Math.max(this.#heldUntil, sentAt + this.#ttlMs - 0 * marginMs);",
      },
    ],
  },
  {
    name: "holder-trusts-a-timer",
    room: "coordination",
    what: "Whether a lock is held is left to a timer: a process that was paused writes on before the timer has fired.",
    source: "Kleppmann 2016, how to do distributed locking",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: hold,
        text: "    return this.session.check() && !this.#controller.signal.aborted;",
        replacement: "    return !this.#controller.signal.aborted;",
      },
    ],
  },
  {
    name: "add-retried-blindly",
    room: "coordination",
    what: "A write whose answer was lost is sent again without a look whether it was made: an add counts twice.",
    source: "Jepsen, jetcd 0.8.2",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: settledWrites,
        text: "          if (kv?.value === mark.value) return { applied: true, revision: kv.modRevision, responses: null };",
        replacement: "          if (kv === null && wait.over) return { applied: true, revision: 0, responses: null };",
      },
    ],
  },
  {
    name: "gate-not-moved",
    room: "coordination",
    what: "After a lost answer it is only looked whether the write was made: one that is still on its way comes later.",
    source: "coordination/settled-writes.ts; etcd-io/jetcd retries",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: settledWrites,
        text: "          await this.#move();\n          const kv",
        replacement: "          const kv",
      },
    ],
  },
  {
    name: "place-not-left",
    room: "coordination",
    what: "Who gives up waiting keeps its place in the line: all behind it wait for one who will never come.",
    source: "etcd-io/etcd#8626, keys of cancelled waiters",
    engine: "any",
    habitat: "recipes",
    patches: [{ file: line, text: "      this.leave(place);\n      throw error;", replacement: "      throw error;" }],
  },
  {
    name: "late-place-kept",
    room: "coordination",
    what: "Who gives up before it is known whether it got a place does not go back to leave it.",
    source: "coordination/settled-writes.ts",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: settledWrites,
        text: "        if (settled.applied) await this.discard(mark.key, settled.revision);",
        replacement: "        if (!settled.applied) await this.discard(mark.key, settled.revision);",
      },
    ],
  },
  {
    name: "semaphore-lets-in-too-many",
    room: "coordination",
    what: "A semaphore lets in whoever comes while any permit is free, however many it wants.",
    source: "coordination/semaphore.ts",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: "src/coordination/semaphore.ts",
        text: "        if (taken + wanted <= this.permits) return place;",
        replacement: "        if (taken < this.permits) return place;",
      },
    ],
  },
  {
    name: "guard-not-checked",
    room: "coordination",
    what: "A guarded write is made whether or not the lock is held still: a paused holder overwrites what the next one wrote.",
    source: "Burrows 2006, Chubby's sequencers",
    engine: "any",
    habitat: "recipes",
    patches: [
      {
        file: "src/coordination/guard.ts",
        text: "isCreatedAt(key, Number(fence)));",
        replacement: "isCreatedAt(key, Number(fence))).slice(this.#holds.length);",
      },
    ],
  },
];
