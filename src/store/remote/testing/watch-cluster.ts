/**
 * Members that share one history, each as far in it as a test lets it be, and serve watches from it as a real member
 * does: with its own copy of the keyspace, in fragments, in order, and telling of progress only what is true.
 */
import type { SeededRandom } from "../../../consensus/random.ts";
import { type Command, encodeCommand } from "../../../keyspace/command.ts";
import { Keyspace } from "../../../keyspace/keyspace.ts";
import type { Watcher } from "../../../keyspace/watch.ts";
import { WatchHub } from "../../../keyspace/watch-hub.ts";
import { byteString } from "../../../wire/byte-string.ts";
import type { WatchEvent, WatchResponse } from "../../../wire/kv.ts";
import * as methods from "../../../wire/methods.ts";
import type { WatchBatch } from "../../store.ts";
import type { ScriptedMember, ScriptedStream } from "./scripted-member.ts";
import { header } from "./store-world.ts";

interface Creation {
  readonly watchId: bigint;
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
  readonly startRevision: bigint;
  readonly filters: readonly number[];
}

type Asked =
  | { readonly case: "createRequest"; readonly value: Creation }
  | { readonly case: "cancelRequest"; readonly value: { readonly watchId: bigint } }
  | { readonly case: "progressRequest" };

/** etcd's numbers for what a watch leaves out. */
const NO_PUT = 0;
const NO_DELETE = 1;

export class WatchCluster {
  readonly log: Command[] = [];
  /** All of it, nothing compacted. */
  readonly truth: Keyspace = new Keyspace();
  readonly members: readonly WatchingMember[];

  constructor(scripted: readonly ScriptedMember[], random: SeededRandom) {
    this.members = scripted.map((member) => new WatchingMember(member, this, random));
  }

  get revision(): number {
    return this.truth.revision;
  }

  commit(command: Command): void {
    this.log.push(command);
    if (command.type !== "compact") this.truth.apply(encodeCommand(command));
  }

  /** What a watch of all keys from `startRevision` on must give. */
  expected(startRevision: number, without: readonly WatchEvent["type"][]): WatchBatch[] {
    const batches = new Map<number, WatchEvent[]>();
    const hub = new WatchHub(this.truth);
    const noPut = without.includes("put");
    const noDelete = without.includes("delete");
    hub.watch(
      { key: "\0", rangeEnd: "\0", startRevision, prevKv: false, noPut, noDelete },
      {
        events: (_, events) => {
          for (const event of events) {
            const { modRevision } = event.kv;
            const before = batches.get(modRevision);
            if (before === undefined) batches.set(modRevision, [event]);
            else before.push(event);
          }
          return true;
        },
        compacted: () => undefined,
      },
    );
    while (hub.catchUp(1_000));
    return Array.from(batches, ([revision, events]) => ({ revision, events }));
  }
}

export class WatchingMember {
  readonly scripted: ScriptedMember;
  readonly #cluster: WatchCluster;
  readonly #random: SeededRandom;
  readonly #keyspace = new Keyspace();
  readonly #hub: WatchHub;
  #applied = 0;

  constructor(scripted: ScriptedMember, cluster: WatchCluster, random: SeededRandom) {
    this.scripted = scripted;
    this.#cluster = cluster;
    this.#random = random;
    this.#hub = new WatchHub(this.#keyspace);
    scripted.on(methods.status, () => ({ version: "3.6.0" }));
    scripted.opened = (stream) => this.#serve(stream);
  }

  /** Applies at most so many more commands. */
  catchUp(commands: number): void {
    const upTo = Math.min(this.#cluster.log.length, this.#applied + commands);
    while (this.#applied < upTo) {
      const command = this.#cluster.log[this.#applied++] as Command;
      if (command.type === "compact") this.#hub.publish();
      this.#keyspace.apply(encodeCommand(command));
      if (command.type === "compact") this.#hub.compacted();
      if (this.#random.chance(0.5)) this.#hub.publish();
    }
    this.#hub.publish();
    while (this.#hub.catchUp(100));
  }

  #serve(stream: ScriptedStream): void {
    const watching = new Map<number, Watcher>();
    const say = (watchId: number, revision: number, more: Partial<WatchResponse> = {}): void =>
      stream.say({ header: header(revision), watchId, ...NOTHING, ...more });
    stream.heard = ({ requestUnion: asked }: { readonly requestUnion: Asked }) => {
      const { revision } = this.#keyspace;
      switch (asked.case) {
        case "createRequest":
          this.#create(asked.value, stream, watching, say);
          break;
        case "cancelRequest": {
          const id = Number(asked.value.watchId);
          watching.get(id)?.cancel();
          if (watching.delete(id)) say(id, revision, { canceled: true });
          break;
        }
        case "progressRequest": {
          const told = ({ nextRevision, request }: Watcher): boolean =>
            nextRevision === revision + 1 && request.startRevision <= revision;
          if ([...watching.values()].every(told)) say(-1, revision);
          break;
        }
      }
    };
  }

  #create(
    { watchId, key, rangeEnd, startRevision, filters }: Creation,
    stream: ScriptedStream,
    watching: Map<number, Watcher>,
    say: (watchId: number, revision: number, more?: Partial<WatchResponse>) => void,
  ): void {
    const id = Number(watchId);
    const request = {
      key: byteString(key),
      rangeEnd: byteString(rangeEnd),
      startRevision: Number(startRevision),
      prevKv: false,
      noPut: filters.includes(NO_PUT),
      noDelete: filters.includes(NO_DELETE),
    };
    say(id, this.#keyspace.revision, { created: true });
    const watcher = this.#hub.watch(request, {
      events: (told, events, revision) => {
        if (stream.isOver) told.cancel();
        else this.#tell(id, events, revision, say);
        return true;
      },
      compacted: (_, compactRevision) => {
        watching.delete(id);
        say(id, 0, { canceled: true, compactRevision });
      },
    });
    watching.set(id, watcher);
    while (this.#hub.catchUp(100));
  }

  /** In one message, or cut anywhere. */
  #tell(
    id: number,
    events: readonly WatchEvent[],
    revision: number,
    say: (watchId: number, revision: number, more?: Partial<WatchResponse>) => void,
  ): void {
    let rest = events;
    while (rest.length > 1 && this.#random.chance(0.4)) {
      const cut = 1 + this.#random.below(rest.length - 1);
      say(id, revision, { events: rest.slice(0, cut), fragment: true });
      rest = rest.slice(cut);
    }
    if (rest.length > 0) say(id, revision, { events: rest });
  }
}

const NOTHING = { created: false, canceled: false, compactRevision: 0, cancelReason: "", fragment: false, events: [] };
