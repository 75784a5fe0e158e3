/**
 * What happened, in order: a hash of everything always, and on request readable lines. Two runs of one seed are the same
 * if and only if their hashes are.
 */
export class Trace {
  /** Lines of the last events, if they are kept. */
  readonly lines: string[] = [];
  readonly #keep: number;
  readonly #now: () => number;
  #low = 0x811c9dc5;
  #high = 0x01000193;
  #length = 0;

  /** @param keep how many of the last lines are kept; 0: only the hash. */
  constructor(now: () => number, keep: number) {
    this.#now = now;
    this.#keep = keep;
  }

  /** Whether lines are wanted: what costs much to say need not be said without. */
  get readable(): boolean {
    return this.#keep > 0;
  }

  /** Events so far. */
  get length(): number {
    return this.#length;
  }

  /** 64 bits in hexadecimal. */
  get hash(): string {
    const hex = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return hex(this.#high) + hex(this.#low);
  }

  /** Something happened to `who`. */
  note(who: string, what: string): void {
    this.#length++;
    this.#absorbNumber(this.#now() * 1_000);
    for (let at = 0; at < who.length; at++) this.#absorb(who.charCodeAt(at));
    for (let at = 0; at < what.length; at++) this.#absorb(what.charCodeAt(at));
    if (this.#keep > 0) this.#line(who, what);
  }

  /** Bytes went somewhere. */
  bytes(bytes: Uint8Array): void {
    this.#length++;
    this.#absorbNumber(this.#now() * 1_000);
    for (let at = 0; at < bytes.length; at++) this.#absorb(bytes[at] as number);
  }

  /** A line that explains what is in the hash in another form: it does not count, so that the hash is always the same. */
  say(who: string, what: () => string): void {
    if (this.#keep > 0) this.#line(who, what());
  }

  #line(who: string, what: string): void {
    this.lines.push(`${this.#now().toFixed(3).padStart(11)}  ${who.padEnd(8)} ${what}`);
    if (this.lines.length > 2 * this.#keep) this.lines.splice(0, this.lines.length - this.#keep);
  }

  #absorbNumber(value: number): void {
    const whole = Math.round(value);
    this.#absorb(whole >>> 0);
    this.#absorb(Math.floor(whole / 2 ** 32));
  }

  /** FNV-1a on two words that cross each other. */
  #absorb(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193);
    this.#high = Math.imul(this.#high ^ word ^ (this.#low >>> 16), 0x85ebca6b);
  }
}
