/**
 * MurmurHash3, the 32-bit variant (Austin Appleby, public domain): quick, well spread, the same everywhere. It protects
 * against nobody who chooses keys with intent.
 */
import type { PlacementKey } from "./placement.ts";

const encoder = new TextEncoder();
/** Keys up to a third of this many characters need no memory of their own. */
let scratch: Uint8Array = new Uint8Array(1_024);

/** @param seed unsigned 32-bit; another one gives an independent hash @returns unsigned 32-bit */
export function murmur3(key: PlacementKey, seed: number): number {
  if (typeof key !== "string") return hash(key, key.length, seed);
  const quick = hashOfAscii(key, seed);
  if (quick !== NOT_ASCII) return quick;
  const most = key.length * 3;
  if (scratch.length < most) scratch = new Uint8Array(most * 2);
  return hash(scratch, encoder.encodeInto(key, scratch).written, seed);
}

/** An unsigned 53-bit number from two independent hashes. */
export function murmur53(key: PlacementKey, seed: number): number {
  return (murmur3(key, seed) >>> 11) * 2 ** 32 + murmur3(key, ~seed >>> 0);
}

/** The hash of a hash: what a number of 32 bits would have as its four bytes, lowest first, without the bytes. */
export function mixed(value: number, seed: number): number {
  return finished(step(seed, value) ^ 4);
}

function hash(bytes: Uint8Array, length: number, seed: number): number {
  let state = seed | 0;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    const word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    state = step(state, word);
  }
  let rest = 0;
  for (let at = length - 1; at >= whole; at--) rest = (rest << 8) | (bytes[at] as number);
  if (length > whole) state ^= scrambled(rest);
  return finished(state ^ length);
}

const NOT_ASCII = -1;

/** `hash` of a text whose characters are a byte each, without the bytes; NOT_ASCII of any other. */
function hashOfAscii(text: string, seed: number): number {
  const { length } = text;
  const whole = length & ~3;
  let state = seed | 0;
  let all = 0;
  for (let at = 0; at < whole; at += 4) {
    const [a, b] = [text.charCodeAt(at), text.charCodeAt(at + 1)];
    const [c, d] = [text.charCodeAt(at + 2), text.charCodeAt(at + 3)];
    all |= a | b | c | d;
    state = step(state, a | (b << 8) | (c << 16) | (d << 24));
  }
  let rest = 0;
  for (let at = length - 1; at >= whole; at--) {
    const code = text.charCodeAt(at);
    all |= code;
    rest = (rest << 8) | code;
  }
  if (all > 0x7f) return NOT_ASCII;
  if (length > whole) state ^= scrambled(rest);
  return finished(state ^ length);
}

function step(state: number, word: number): number {
  const next = state ^ scrambled(word);
  return (Math.imul((next << 13) | (next >>> 19), 5) + 0xe6546b64) | 0;
}

function scrambled(word: number): number {
  const product = Math.imul(word, 0xcc9e2d51);
  return Math.imul((product << 15) | (product >>> 17), 0x1b873593);
}

function finished(state: number): number {
  let value = state ^ (state >>> 16);
  value = Math.imul(value, 0x85ebca6b);
  value ^= value >>> 13;
  value = Math.imul(value, 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
