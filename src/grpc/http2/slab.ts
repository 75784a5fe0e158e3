/**
 * Memory that frames are written into on their way out. All connections share one: what the system took at once is
 * given back, so that a server whose clients read needs no more than one slab, however many they are.
 *
 *     bytes   [ taken, and perhaps still on its way | being written | free ]
 *                                                    ^ #start        ^ at
 */

/** Bytes of one slab: the largest piece that is written at once. */
const SLAB_BYTES = 128 * 1024;
/** What there is at least to write into, once `begin` was called. */
export const LEAST_ROOM: number = 32 * 1024;

export class Slab {
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(SLAB_BYTES);
  /** Where the next byte goes. */
  at = 0;
  #start = 0;

  begin(): void {
    if (this.bytes.length - this.at < LEAST_ROOM) {
      this.bytes = new Uint8Array(SLAB_BYTES);
      this.at = 0;
    }
    this.#start = this.at;
  }

  get room(): number {
    return this.bytes.length - this.at;
  }

  /** What was written since `begin`. It is the caller's until it is given back. */
  take(): Uint8Array {
    const piece = this.bytes.subarray(this.#start, this.at);
    this.#start = this.at;
    return piece;
  }

  /** Nobody needs the piece any more. Only the one taken last comes back; others go with their slab. */
  giveBack(piece: Uint8Array): void {
    if (piece.buffer !== this.bytes.buffer || piece.byteOffset + piece.length !== this.at) return;
    this.at = piece.byteOffset;
    this.#start = this.at;
  }
}
