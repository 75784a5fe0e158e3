/**
 * Where the sender of a hello can be reached, behind the fields that every hello has. Numbers are little-endian.
 *
 *     addresses { u8 count, count times { u16 port, u8 length of host, host } }
 *
 * They are hints from whoever says hello: only what has the form of an address is taken, so much and no more, and who
 * is found there must still prove to be the member that is looked for.
 */
import type { Address } from "../environment.ts";

/** More are neither told nor taken. */
export const MAX_ADDRESSES = 8;

const COUNT_BYTES = 1;
const HEAD_BYTES = 3;
/** A name, an IPv4 or an IPv6 address (with its zone), without brackets; not longer than a name in the DNS can be. */
const HOST = /^[\w.:%-]{1,253}$/;
/** "Any address of this machine": good to listen on, nothing to connect to. */
const UNSPECIFIED: ReadonlySet<string> = new Set(["0.0.0.0", "::"]);

function canBeDialled({ host, port }: Address): boolean {
  return Number.isInteger(port) && port > 0 && port <= 0xffff && HOST.test(host) && !UNSPECIFIED.has(host);
}

/** As many of those that can be dialled as fit into `maxBytes`; without any, nothing at all. */
export function encodeAddresses(addresses: readonly Address[], maxBytes: number): Uint8Array {
  const told: Address[] = [];
  let size = COUNT_BYTES;
  for (const address of addresses) {
    const more = HEAD_BYTES + address.host.length;
    if (!canBeDialled(address) || told.length === MAX_ADDRESSES || size + more > maxBytes) continue;
    told.push(address);
    size += more;
  }
  if (told.length === 0) return new Uint8Array(0);
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  bytes[0] = told.length;
  let at = COUNT_BYTES;
  for (const { host, port } of told) {
    view.setUint16(at, port, true);
    bytes[at + 2] = host.length;
    at += HEAD_BYTES;
    for (let i = 0; i < host.length; i++) bytes[at + i] = host.charCodeAt(i);
    at += host.length;
  }
  return bytes;
}

/** Those that can be dialled; none if the bytes are no list. What is behind the list is passed over. */
export function decodeAddresses(bytes: Uint8Array): Address[] {
  const count = bytes[0] ?? 0;
  if (count > MAX_ADDRESSES) return [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const addresses: Address[] = [];
  for (let at = COUNT_BYTES; addresses.length < count; ) {
    if (at + HEAD_BYTES > bytes.length) return [];
    const port = view.getUint16(at, true);
    const end = at + HEAD_BYTES + view.getUint8(at + 2);
    if (end > bytes.length) return [];
    addresses.push({ host: String.fromCharCode(...bytes.subarray(at + HEAD_BYTES, end)), port });
    at = end;
  }
  return addresses.filter(canBeDialled);
}
