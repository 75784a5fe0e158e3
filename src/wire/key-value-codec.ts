/**
 * KeyValue and ResponseHeader, the two messages inside the others.
 *
 *     KeyValue       { 1 key, 2 create_revision, 3 mod_revision, 4 version, 5 value, 6 lease }
 *     ResponseHeader { 1 cluster_id, 2 member_id, 3 revision, 4 raft_term }
 *
 * In all codecs: a tag is 8 times the field's number, plus 0 for a number or 2 for bytes, texts and messages. Fields
 * with their default value are not written. `write…` writes a message's content into a longer one, last field first;
 * `read…` reads up to `end`, onto `from`, because protobuf merges a message that is sent in two parts.
 */
import type { KeyValue, ResponseHeader } from "./kv.ts";
import { type Origin, Reader } from "./reader.ts";
import { Writer } from "./writer.ts";

const NO_KEY_VALUE: KeyValue = { key: "", createRevision: 0, modRevision: 0, version: 0, value: "", lease: 0n };

const NO_HEADER: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0, raftTerm: 0 };

/** The one writer of all codecs: nothing waits while it is in use. */
export const writer: Writer = new Writer();

/** Encodes with `write`; the result shares memory with others that were encoded, so do not transfer its buffer. */
export function encoded<M>(write: (w: Writer, message: M) => void, message: M): Uint8Array {
  writer.begin();
  write(writer, message);
  return writer.finish();
}

/** Decodes all of `bytes` with `read`. @throws QuorateError */
export function decoded<M>(read: (r: Reader, end: number) => M, bytes: Uint8Array, origin: Origin): M {
  return read(new Reader(bytes, origin), bytes.length);
}

/** `keysOnly`: without the value. */
export function writeKeyValue(w: Writer, kv: KeyValue, keysOnly: boolean): void {
  if (kv.lease !== 0n) {
    w.varint64(kv.lease);
    w.tag(0x30);
  }
  if (!keysOnly && kv.value !== "") {
    w.byteString(kv.value);
    w.tag(0x2a);
  }
  if (kv.version !== 0) {
    w.varint(kv.version);
    w.tag(0x20);
  }
  if (kv.modRevision !== 0) {
    w.varint(kv.modRevision);
    w.tag(0x18);
  }
  if (kv.createRevision !== 0) {
    w.varint(kv.createRevision);
    w.tag(0x10);
  }
  if (kv.key !== "") {
    w.byteString(kv.key);
    w.tag(0x0a);
  }
}

/** A KeyValue as a field of another message. */
export function writeKeyValueField(w: Writer, tag: number, kv: KeyValue, keysOnly = false): void {
  const mark = w.written;
  writeKeyValue(w, kv, keysOnly);
  w.lengthSince(mark);
  w.tag(tag);
}

export function readKeyValue(r: Reader, end: number, from: KeyValue = NO_KEY_VALUE): KeyValue {
  let { key, createRevision, modRevision, version, value, lease } = from;
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        key = r.byteString(end);
        break;
      case 0x10:
        createRevision = r.number(end);
        break;
      case 0x18:
        modRevision = r.number(end);
        break;
      case 0x20:
        version = r.number(end);
        break;
      case 0x2a:
        value = r.byteString(end);
        break;
      case 0x30:
        lease = r.int64(end);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { key, createRevision, modRevision, version, value, lease };
}

export function encodeKeyValue(kv: KeyValue): Uint8Array {
  writer.begin();
  writeKeyValue(writer, kv, false);
  return writer.finish();
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeKeyValue(bytes: Uint8Array): KeyValue {
  return decoded(readKeyValue, bytes, "response");
}

/** The header as field 1 of a response. */
export function writeHeaderField(w: Writer, header: ResponseHeader): void {
  const mark = w.written;
  if (header.raftTerm !== 0) {
    w.varint(header.raftTerm);
    w.tag(0x20);
  }
  if (header.revision !== 0) {
    w.varint(header.revision);
    w.tag(0x18);
  }
  if (header.memberId !== 0n) {
    w.varint64(header.memberId);
    w.tag(0x10);
  }
  if (header.clusterId !== 0n) {
    w.varint64(header.clusterId);
    w.tag(0x08);
  }
  w.lengthSince(mark);
  w.tag(0x0a);
}

/** Reads the content of a header field that begins at `r.position`. */
export function readHeaderField(r: Reader, end: number, from: ResponseHeader): ResponseHeader {
  const stop = r.lengthDelimited(end);
  let { clusterId, memberId, revision, raftTerm } = from;
  while (r.position < stop) {
    const tag = r.tag(stop);
    switch (tag) {
      case 0x08:
        clusterId = r.uint64(stop);
        break;
      case 0x10:
        memberId = r.uint64(stop);
        break;
      case 0x18:
        revision = r.number(stop);
        break;
      case 0x20:
        raftTerm = r.number(stop);
        break;
      default:
        r.skip(tag, stop);
    }
  }
  return { clusterId, memberId, revision, raftTerm };
}

export { NO_HEADER, NO_KEY_VALUE };
