/**
 * What a watcher is sent.
 *
 *     WatchResponse { 1 header, 2 watch_id, 3 created, 4 canceled, 5 compact_revision, 6 cancel_reason, 7 fragment,
 *                     11 events* }
 *     Event         { 1 type, 2 kv, 3 prev_kv }
 */
import {
  decoded,
  encoded,
  NO_HEADER,
  NO_KEY_VALUE,
  readHeaderField,
  readKeyValue,
  writeHeaderField,
  writeKeyValueField,
} from "./key-value-codec.ts";
import type { KeyValue, WatchEvent, WatchResponse } from "./kv.ts";
import type { Reader } from "./reader.ts";
import type { Writer } from "./writer.ts";

/** mvccpb.Event.EventType; PUT is the default. */
const DELETE = 1;

function writeEvent(w: Writer, event: WatchEvent): void {
  if (event.prevKv !== null) writeKeyValueField(w, 0x1a, event.prevKv);
  writeKeyValueField(w, 0x12, event.kv);
  if (event.type === "delete") {
    w.varint(DELETE);
    w.tag(0x08);
  }
}

function readEvent(r: Reader, end: number): WatchEvent {
  let type: WatchEvent["type"] = "put";
  let kv = NO_KEY_VALUE;
  let prevKv: KeyValue | null = null;
  while (r.position < end) {
    const start = r.position;
    const tag = r.tag(end);
    switch (tag) {
      case 0x08: {
        const number = r.int32(end);
        if (number !== 0 && number !== DELETE) throw r.malformed(`an event of the unknown type ${number}`, start);
        type = number === DELETE ? "delete" : "put";
        break;
      }
      case 0x12:
        kv = readKeyValue(r, r.lengthDelimited(end), kv);
        break;
      case 0x1a:
        prevKv = readKeyValue(r, r.lengthDelimited(end), prevKv ?? undefined);
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { type, kv, prevKv };
}

function writeWatchResponse(w: Writer, response: WatchResponse): void {
  for (let i = response.events.length - 1; i >= 0; i--) {
    const event = response.events[i];
    if (event === undefined) continue;
    const mark = w.written;
    writeEvent(w, event);
    w.lengthSince(mark);
    w.tag(0x5a);
  }
  if (response.fragment) {
    w.varint(1);
    w.tag(0x38);
  }
  if (response.cancelReason !== "") {
    w.text(response.cancelReason);
    w.tag(0x32);
  }
  if (response.compactRevision !== 0) {
    w.varint(response.compactRevision);
    w.tag(0x28);
  }
  if (response.canceled) {
    w.varint(1);
    w.tag(0x20);
  }
  if (response.created) {
    w.varint(1);
    w.tag(0x18);
  }
  if (response.watchId !== 0) {
    w.varint(response.watchId);
    w.tag(0x10);
  }
  writeHeaderField(w, response.header);
}

function readWatchResponse(r: Reader, end: number): WatchResponse {
  let header = NO_HEADER;
  let watchId = 0;
  let created = false;
  let canceled = false;
  let compactRevision = 0;
  let cancelReason = "";
  let fragment = false;
  const events: WatchEvent[] = [];
  while (r.position < end) {
    const tag = r.tag(end);
    switch (tag) {
      case 0x0a:
        header = readHeaderField(r, end, header);
        break;
      case 0x10:
        watchId = r.number(end);
        break;
      case 0x18:
        created = r.bool(end);
        break;
      case 0x20:
        canceled = r.bool(end);
        break;
      case 0x28:
        compactRevision = r.number(end);
        break;
      case 0x32:
        cancelReason = r.text(end);
        break;
      case 0x38:
        fragment = r.bool(end);
        break;
      case 0x5a:
        events.push(readEvent(r, r.lengthDelimited(end)));
        break;
      default:
        r.skip(tag, end);
    }
  }
  return { header, watchId, created, canceled, compactRevision, cancelReason, fragment, events };
}

export function encodeWatchResponse(response: WatchResponse): Uint8Array {
  return encoded(writeWatchResponse, response);
}

/** @throws QuorateError MALFORMED_RESPONSE */
export function decodeWatchResponse(bytes: Uint8Array): WatchResponse {
  return decoded(readWatchResponse, bytes, "response");
}
