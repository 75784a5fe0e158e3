import type { SeededRandom } from "../consensus/random.ts";

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
const LEAST_CAPACITY = 1024;
/** From here on room for a file's growth is taken less generously. */
const MANY_BYTES = 64 * 1024;

/**
 * What a file holds: what readers see (the page cache) and what is durable.
 *
 *     content  |==========|==========|=====|      written by `write`, seen by `read`
 *     dirty         .          #        #         sectors that differ, or may
 *     durable  |==========|----------|            what a crash leaves for certain
 */
export class Inode {
  /** What it is called now, or was called last. */
  path: string;
  /** Whether a name leads to it: only then it takes room. */
  linked = true;
  /** Behind `#size` all is zero, as in every part of a file that was never written. */
  #content: Uint8Array = new Uint8Array(0);
  #size = 0;
  #durable: Uint8Array = new Uint8Array(0);
  #durableSize = 0;
  /** 1 for each dirty sector; all of them are in [`#dirtyFrom`, `#dirtyTo`). */
  #dirty: Uint8Array = new Uint8Array(0);
  #dirtyFrom = Number.POSITIVE_INFINITY;
  #dirtyTo = 0;

  constructor(path: string) {
    this.path = path;
  }

  /** Bytes that readers see. */
  get size(): number {
    return this.#size;
  }

  /** Returns the bytes read: 0 at the end. */
  read(into: Uint8Array, offset: number): number {
    const end = Math.min(this.#size, offset + into.length);
    if (end <= offset) return 0;
    into.set(this.#content.subarray(offset, end));
    return end - offset;
  }

  /** Writes bytes `from` to `to` of all pieces, each at `offset` plus its place in them. */
  write(pieces: readonly Uint8Array[], from: number, to: number, offset: number): void {
    if (to <= from) return;
    if (offset + to > this.#size) this.#resize(offset + to);
    let at = 0;
    for (const piece of pieces) {
      const first = Math.max(from, at);
      const last = Math.min(to, at + piece.length);
      if (first < last) {
        const whole = first === at && last === at + piece.length;
        this.#content.set(whole ? piece : piece.subarray(first - at, last - at), offset + first);
      }
      at += piece.length;
    }
    this.#soil(offset + from, offset + to);
  }

  truncate(size: number): void {
    if (size !== this.#size) this.#resize(size);
  }

  /** All that was written is durable. */
  sync(): void {
    if (this.#durableSize !== this.#size) {
      this.#durable = resized(this.#durable, this.#durableSize, this.#size);
      this.#durableSize = this.#size;
    }
    const to = Math.min(this.#dirtyTo, Math.ceil(this.#size / SECTOR_BYTES));
    for (let sector = this.#dirtyFrom; sector < to; sector++) {
      if (this.#dirty[sector] === 0) continue;
      const first = sector++;
      while (sector < to && this.#dirty[sector] === 1) sector++;
      const start = first * SECTOR_BYTES;
      const end = Math.min(this.#size, sector * SECTOR_BYTES);
      this.#durable.set(this.#content.subarray(start, end), start);
    }
    this.forget();
  }

  /** As Linux does when a sync fails: all counts as written, and the next sync has nothing to do. */
  forget(): void {
    if (this.#dirtyTo > 0) this.#dirty.fill(0, this.#dirtyFrom, this.#dirtyTo);
    this.#dirtyFrom = Number.POSITIVE_INFINITY;
    this.#dirtyTo = 0;
  }

  /** Power is lost: of each sector that is not durable the old or the new bytes stay, of the size one of the two. */
  crash(random: SeededRandom): void {
    const size =
      this.#dirtyTo === 0 || (this.#size !== this.#durableSize && random.chance(0.5)) ? this.#durableSize : this.#size;
    const left = new Uint8Array(size);
    left.set(this.#durable.subarray(0, Math.min(size, this.#durableSize)));
    for (let sector = this.#dirtyFrom; sector < this.#dirtyTo; sector++) {
      if (this.#dirty[sector] === 0 || !random.chance(0.5)) continue;
      const start = sector * SECTOR_BYTES;
      const end = Math.min(size, start + SECTOR_BYTES);
      // A sector that was cut off has no new bytes: its old ones stay where the old size stayed.
      if (start < Math.min(size, this.#size)) left.set(this.#content.subarray(start, end), start);
    }
    this.#hold(left);
  }

  /** Changes what is on the medium and what readers see of it. */
  alter(change: (content: Uint8Array) => void): void {
    change(this.#content.subarray(0, this.#size));
    change(this.#durable.subarray(0, this.#durableSize));
  }

  /** Replaces all, durably. */
  place(content: Uint8Array): void {
    // Not slice: that of a Buffer is no copy.
    this.#hold(new Uint8Array(content));
  }

  #hold(content: Uint8Array): void {
    this.#content = content;
    this.#durable = new Uint8Array(content);
    this.#size = content.length;
    this.#durableSize = content.length;
    this.#dirty = new Uint8Array(Math.ceil(content.length / SECTOR_BYTES));
    this.#dirtyFrom = Number.POSITIVE_INFINITY;
    this.#dirtyTo = 0;
  }

  /** What is new or gone is dirty. */
  #resize(size: number): void {
    const old = this.#size;
    this.#content = resized(this.#content, old, size);
    this.#size = size;
    this.#soil(Math.min(old, size), Math.max(old, size));
  }

  #soil(start: number, end: number): void {
    if (end <= start) return;
    const from = Math.floor(start / SECTOR_BYTES);
    const to = Math.ceil(end / SECTOR_BYTES);
    if (to > this.#dirty.length) this.#dirty = grown(this.#dirty, to, LEAST_CAPACITY / SECTOR_BYTES);
    this.#dirty.fill(1, from, to);
    this.#dirtyFrom = Math.min(this.#dirtyFrom, from);
    this.#dirtyTo = Math.max(this.#dirtyTo, to);
  }
}

/** `bytes` of a file whose size changes: zero from the smaller of both sizes on. */
function resized(bytes: Uint8Array, old: number, size: number): Uint8Array {
  if (size > bytes.length) return grown(bytes, size, LEAST_CAPACITY);
  if (size < old) bytes.fill(0, size, old);
  return bytes;
}

/** By far, so that appending copies each byte but a few times. */
function grown(bytes: Uint8Array, size: number, least: number): Uint8Array {
  const larger = new Uint8Array(Math.max(size, bytes.length * (bytes.length < MANY_BYTES ? 4 : 2), least));
  larger.set(bytes);
  return larger;
}
