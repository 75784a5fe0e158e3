/** The member's end of a program's connection: its calls, carried out at its front. */
import type { Connection } from "../../environment.ts";
import type { Desk, Handle } from "./call.ts";
import {
  decodeHead,
  encodeFrame,
  encodeReason,
  type Frame,
  FrameKind,
  FrameReader,
  NO_PAYLOAD,
} from "./call-frames.ts";

export function serveCalls(connection: Connection, desk: Desk): void {
  const reader = new FrameReader();
  const handles = new Map<number, Handle>();
  const send = (call: number, kind: FrameKind, payload: Uint8Array): void => {
    connection.write([encodeFrame({ call, kind, payload })]);
  };
  const begin = ({ call, kind, payload }: Frame): void => {
    const { head, request } = decodeHead(payload);
    let over = false;
    const end = (kind: FrameKind, payload: Uint8Array): void => {
      over = true;
      handles.delete(call);
      send(call, kind, payload);
    };
    const handle = desk.call(
      head.path,
      kind === FrameKind.call ? request : null,
      {
        message: (bytes) => send(call, FrameKind.message, bytes),
        answer: (bytes) => end(FrameKind.answer, bytes),
        end: (error) => end(FrameKind.end, encodeReason(error)),
      },
      head.metadata,
    );
    if (handle === null) send(call, FrameKind.refused, NO_PAYLOAD);
    else if (!over) handles.set(call, handle);
  };
  connection.onData((chunk) => {
    for (const frame of reader.take(chunk)) {
      switch (frame.kind) {
        case FrameKind.call:
        case FrameKind.stream:
          begin(frame);
          break;
        case FrameKind.message:
          handles.get(frame.call)?.send(frame.payload);
          break;
        case FrameKind.ping:
          send(frame.call, FrameKind.pong, NO_PAYLOAD);
          break;
        case FrameKind.read:
          handles.get(frame.call)?.read();
          break;
        default:
          handles.get(frame.call)?.cancel();
          handles.delete(frame.call);
      }
    }
  });
  connection.onClose(() => {
    for (const handle of handles.values()) handle.cancel();
    handles.clear();
  });
}
