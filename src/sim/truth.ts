/**
 * The cluster's one history: every entry, when a member first gives it out as committed, applied by a keyspace of the
 * simulator's own. What members and clients saw is held against it.
 */
import { type Entry, EntryKind } from "../consensus/engine.ts";
import { decodeMembershipEntry, emptyMembership, type Membership } from "../consensus/membership.ts";
import { type Command, decodeCommand } from "../keyspace/command.ts";
import { Keyspace } from "../keyspace/keyspace.ts";
import { decodeBatch } from "../replica/batch.ts";
import type { LeaseId, WatchEvent } from "../wire/kv.ts";
import type { Moment, TrueChange, TrueLease, Truth } from "./history.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

export class TruthKeeper implements Truth {
  readonly changes: TrueChange[] = [];
  readonly leases: Mutable<TrueLease>[] = [];
  readonly compactions: { readonly revision: number; readonly committed: Moment }[] = [];
  readonly keyspace: Keyspace = new Keyspace();
  /** Who takes part, by the last committed change. */
  membership: Membership = emptyMembership;
  /** What the state looked like after each entry, by index - 1. */
  readonly #fingerprints: string[] = [];
  readonly #living = new Map<LeaseId, Mutable<TrueLease>>();

  /** Index of the last committed entry. */
  get index(): number {
    return this.#fingerprints.length;
  }

  /** The state after the entry at `index`; null if that is not committed. */
  fingerprint(index: number): string | null {
    return this.#fingerprints[index - 1] ?? null;
  }

  /** Entries come once each, in order: who calls this has left out those that another member gave out before. */
  committed(entry: Entry, moment: Moment): void {
    if (entry.kind === EntryKind.membership) {
      const { context, membership } = decodeMembershipEntry(entry.data);
      this.membership = membership;
      if (context.length > 0) this.keyspace.applyMembership(context);
    } else if (entry.kind === EntryKind.command) {
      for (const command of decodeBatch(entry.data).commands) this.#apply(command, entry.index, moment);
    }
    this.#fingerprints.push(fingerprintOf(this.keyspace));
  }

  #apply(bytes: Uint8Array, index: number, moment: Moment): void {
    const before = this.keyspace.revision;
    const result = this.keyspace.apply(bytes);
    if (result.type === "error") return;
    const command = decodeCommand(bytes);
    if (this.keyspace.revision > before) {
      const revokedLease = command.type === "leaseRevoke" ? command.id : null;
      this.changes.push({
        revision: this.keyspace.revision,
        events: this.#eventsOf(this.keyspace.revision),
        index,
        committed: moment,
        revokedLease,
      });
    }
    this.#noteLease(command, moment);
    if (command.type === "compact") this.compactions.push({ revision: command.revision, committed: moment });
  }

  #eventsOf(revision: number): WatchEvent[] {
    const events: WatchEvent[] = [];
    this.keyspace.forEachChange(revision, (record) => {
      events.push({
        type: record.deleted ? "delete" : "put",
        kv: record,
        prevKv: this.keyspace.previous(record),
      });
      return true;
    });
    return events;
  }

  #noteLease(command: Command, moment: Moment): void {
    if (command.type === "leaseGrant") {
      const lease = { id: command.id, ttl: command.ttl, granted: moment, revoked: null, revokedRevision: null };
      this.leases.push(lease);
      this.#living.set(command.id, lease);
    } else if (command.type === "leaseRevoke") {
      const lease = this.#living.get(command.id);
      this.#living.delete(command.id);
      if (lease !== undefined) Object.assign(lease, { revoked: moment, revokedRevision: this.keyspace.revision });
    }
  }
}

/** What two members that applied the same entries must agree on, cheap enough to ask after each entry. */
export function fingerprintOf(keyspace: Keyspace): string {
  const { revision, compactRevision, keyCount, liveBytes, historyBytes } = keyspace;
  return `${revision} ${compactRevision} ${keyCount} ${liveBytes} ${historyBytes} ${keyspace.leases.list().length}`;
}

/** What an entry says, for the trace. */
export function describeEntry(entry: Entry): string {
  if (entry.kind === EntryKind.noop) return "noop";
  if (entry.kind === EntryKind.membership) {
    const { voters, learners } = decodeMembershipEntry(entry.data).membership;
    return `${voters.length} voters, ${learners.length} learners`;
  }
  const { name, commands } = decodeBatch(entry.data);
  const texts = commands.map((bytes) => {
    const command = decodeCommand(bytes);
    if ("request" in command && "key" in command.request) return `${command.type} ${command.request.key}`;
    return "id" in command ? `${command.type} ${command.id}` : command.type;
  });
  return `${texts.join(", ")} (from ${name.proposer.toString(16)})`;
}
