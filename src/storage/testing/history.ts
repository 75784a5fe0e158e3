import type { Entry, SnapshotMeta, Write } from "../../consensus/engine.ts";

/** What a group's log is after some write, by the words of the contract. */
export interface Image {
  readonly base: { readonly index: number; readonly epoch: number };
  /** Behind `base`, contiguous. */
  readonly entries: readonly Entry[];
  readonly state: string | null;
}

export const emptyImage: Image = { base: { index: 0, epoch: 0 }, entries: [], state: null };

export function lastOf(image: Image): { index: number; epoch: number } {
  return image.entries.at(-1) ?? image.base;
}

/** The rule of `Write.snapshot`. */
export function startBehind(image: Image, meta: { index: number; epoch: number }): Image {
  const base = { index: meta.index, epoch: meta.epoch };
  if (meta.index <= image.base.index) return image;
  const held = image.entries.find(({ index }) => index === meta.index);
  const entries = held?.epoch === meta.epoch ? image.entries.filter(({ index }) => index > meta.index) : [];
  return { ...image, base, entries };
}

export function after(image: Image, write: Write): Image {
  let next = write.snapshot === null ? image : startBehind(image, write.snapshot);
  const { truncateFrom } = write;
  if (truncateFrom !== null) next = { ...next, entries: next.entries.filter(({ index }) => index < truncateFrom) };
  const state = write.state === null ? next.state : Buffer.from(write.state).toString();
  return { ...next, entries: [...next.entries, ...write.entries], state };
}

/** The entries an image gives to a start with this snapshot. */
export function entriesBehind(image: Image, snapshot: SnapshotMeta | null): readonly Entry[] {
  const expected = snapshot === null ? image : startBehind(image, snapshot);
  return expected.entries.filter(({ index }) => index > (snapshot?.index ?? 0));
}

export function describeEntries(entries: readonly Entry[]): string {
  return entries
    .map(({ index, epoch, kind, data }) => `${index}.${epoch}.${kind}:${Buffer.from(data).toString("latin1")}`)
    .join("|");
}
