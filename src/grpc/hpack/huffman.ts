/**
 * HPACK's Huffman code (RFC 7541, appendix B), reading.
 *
 * The code is canonical: shorter codes come first, and codes of one length in the order of their symbols, counting up.
 * So the lengths say it all, and the tree is built from them. It is then walked four bits at a time; as the shortest
 * code has five, a step completes at most one symbol.
 */

/** Bits of each octet's code, sixteen a line, and at last those of the end of string, which never stands in a string. */
// biome-ignore format: a table of sixteen columns
const LENGTHS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

const END_OF_STRING = 256;
const LONGEST = 30;
/** The shortest code: a string of n octets is at most n * 8 / 5 characters. */
const SHORTEST = 5;
/** A string is filled up with the first bits of the end of string, fewer than eight of them. */
const MOST_PADDING = 7;

/** Code of each symbol, to the right; for tests that write strings. */
export function huffmanCodes(): readonly { readonly bits: number; readonly length: number }[] {
  const codes = LENGTHS.map((length) => ({ bits: 0, length }));
  let next = 0;
  for (let length = SHORTEST; length <= LONGEST; length++) {
    next <<= 1;
    for (const code of codes) if (code.length === length) code.bits = next++;
  }
  return codes;
}

/** What a step from a node with four bits leads to: the next node, and what was completed on the way. */
const FAIL = 0xffff;
const NOTHING = 0xffff;

interface Steps {
  /** By node * 16 + four bits: the next node, or FAIL. */
  readonly next: Uint16Array<ArrayBuffer>;
  /** By the same: the octet completed, or NOTHING. */
  readonly octet: Uint16Array<ArrayBuffer>;
  /** By node: whether a string may end there. */
  readonly mayEnd: Uint8Array<ArrayBuffer>;
}

const ROOT = 0;
const { next: NEXT, octet: OCTET, mayEnd: MAY_END }: Steps = buildSteps();

function buildSteps(): Steps {
  // Children of each inner node: another inner node, or a symbol as -1 - symbol.
  const children: [number, number][] = [[ROOT, ROOT]];
  huffmanCodes().forEach(({ bits, length }, symbol) => {
    let node = ROOT;
    for (let left = length - 1; left > 0; left--) {
      const way = ((bits >>> left) & 1) as 0 | 1;
      const pair = children[node] as [number, number];
      if (pair[way] === ROOT) {
        pair[way] = children.length;
        children.push([ROOT, ROOT]);
      }
      node = pair[way];
    }
    (children[node] as [number, number])[(bits & 1) as 0 | 1] = -1 - symbol;
  });
  const next = new Uint16Array(children.length * 16).fill(FAIL);
  const octet = new Uint16Array(children.length * 16).fill(NOTHING);
  const mayEnd = new Uint8Array(children.length);
  for (let from = 0; from < children.length; from++) {
    for (let four = 0; four < 16; four++) {
      let node = from;
      for (let left = 3; left >= 0 && node !== FAIL; left--) {
        const child = (children[node] as [number, number])[((four >>> left) & 1) as 0 | 1];
        if (child >= 0) node = child;
        else if (child === -1 - END_OF_STRING) node = FAIL;
        else {
          octet[from * 16 + four] = -1 - child;
          node = ROOT;
        }
      }
      next[from * 16 + four] = node;
    }
  }
  // Along the end of string, which is all ones.
  for (let node = ROOT, depth = 0; depth <= MOST_PADDING; depth++) {
    mayEnd[node] = 1;
    node = (children[node] as [number, number])[1];
  }
  return { next, octet, mayEnd };
}

/** Octets of the string being read; grows to what the longest one needs. */
let characters: Uint8Array<ArrayBuffer> = new Uint8Array(1024);

/**
 * Decodes what stands from `from` up to `to`. The result is valid until the next call.
 * Returns null if that is no string of this code: the end of string in it, or other padding than the RFC's.
 */
export function huffmanDecode(bytes: Uint8Array, from: number, to: number): Uint8Array | null {
  const most = Math.ceil(((to - from) * 8) / SHORTEST);
  if (characters.length < most) characters = new Uint8Array(2 * most);
  let node = ROOT;
  let length = 0;
  for (let at = from; at < to; at++) {
    const byte = bytes[at] ?? 0;
    for (let shift = 4; shift >= 0; shift -= 4) {
      const step = node * 16 + ((byte >>> shift) & 15);
      const completed = OCTET[step] ?? NOTHING;
      if (completed !== NOTHING) characters[length++] = completed;
      node = NEXT[step] ?? FAIL;
      if (node === FAIL) return null;
    }
  }
  return MAY_END[node] === 1 ? characters.subarray(0, length) : null;
}
