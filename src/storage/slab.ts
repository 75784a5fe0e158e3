/** Data up to this size shares a slab. */
const smallBytes = 2048;
const slabBytes = 16 * 1024;

/**
 * Copies data out of a buffer that will be used again, so that keeping one small piece never keeps a whole segment in
 * memory: large pieces get memory of their own, small ones share slabs of 16 KiB.
 */
export function createSlabs(): (data: Uint8Array) => Uint8Array {
  let slab = new Uint8Array(0);
  let used = 0;
  return (data) => {
    if (data.length === 0) return new Uint8Array(0);
    if (data.length > smallBytes) return new Uint8Array(data);
    if (used + data.length > slab.length) {
      slab = new Uint8Array(slabBytes);
      used = 0;
    }
    const copy = new Uint8Array(slab.buffer, used, data.length);
    copy.set(data);
    used += data.length;
    return copy;
  };
}
