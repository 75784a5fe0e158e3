/**
 * Which lanes a consumer looks into: its own first, those of others when they have waited.
 *
 *     clean ──(wake, poll)──▶ dirty ──(own: at once; another's: after a while)──▶ looked into ──▶ clean, if all was seen
 *
 * Every lane belongs to one of the consumers (rendezvous hashing), so that they do not fight for the same messages. That
 * is a hint and no lock: who idles takes from any, and the claims decide.
 */
import type { PlacementNode } from "../../placement/placement.ts";
import { rendezvous } from "../../placement/rendezvous.ts";

interface Lane {
  dirtySince: number | null;
  /** The last wake that was told. */
  revision: number;
  own: boolean;
}

/** How long the owner of a lane has for itself, ms. */
const GRACE_MS = 30;

export class Lanes {
  readonly #lanes: readonly Lane[];
  #members = "";

  constructor(count: number, now: number) {
    this.#lanes = Array.from({ length: count }, () => ({ dirtySince: now - GRACE_MS, revision: 0, own: true }));
  }

  /** Divides them among all who consume. */
  share(members: readonly string[], self: string): void {
    const signature = members.join();
    if (signature === this.#members) return;
    this.#members = signature;
    const nodes: readonly PlacementNode[] = members.map((id) => ({ id }));
    const placed = rendezvous(nodes);
    for (const [at, lane] of this.#lanes.entries()) lane.own = (placed.locate(`${at}`)?.id ?? self) === self;
  }

  wake(at: number, revision: number, now: number): void {
    const lane = this.#lanes[at];
    if (lane === undefined) return;
    lane.revision = Math.max(lane.revision, revision);
    lane.dirtySince ??= now;
  }

  wakeAll(now: number): void {
    for (const lane of this.#lanes) lane.dirtySince ??= now - GRACE_MS;
  }

  /** Everything that was there at a revision has been seen. */
  seen(at: number, revision: number): void {
    const lane = this.#lanes[at];
    if (lane !== undefined && lane.revision <= revision) lane.dirtySince = null;
  }

  /** Own ones; if none of these is dirty, others'. */
  toLookInto(now: number): readonly number[] {
    const dirty = [...this.#lanes.entries()].filter(([, lane]) => lane.dirtySince !== null);
    const own = dirty.filter(([, lane]) => lane.own);
    const open = own.length > 0 ? own : dirty.filter(([, lane]) => now - (lane.dirtySince ?? now) >= GRACE_MS);
    return open.map(([at]) => at);
  }

  /** When others' lanes may be looked into; ms from now; null: there is nothing to wait for. */
  graceLeftMs(now: number): number | null {
    const left = this.#lanes
      .filter(({ dirtySince }) => dirtySince !== null)
      .map(({ dirtySince }) => Math.max(0, GRACE_MS - (now - (dirtySince ?? now))));
    return left.length === 0 ? null : Math.min(...left);
  }
}
