/** What a peer's SETTINGS say, checked (RFC 9113 §6.5.2). */
import { ConnectionError, protocolError, wrongLength } from "./faults.ts";
import { DEFAULT_MAX_FRAME, ErrorCode, LARGEST_FRAME, LARGEST_WINDOW, Setting, uint32At } from "./frames.ts";

const SETTING_BYTES = 6;

/** What they say about what we send; null: as before. */
export interface PeerSettings {
  /** Bytes of DATA on each stream. */
  readonly window: number | null;
  /** Bytes of a frame. */
  readonly maxFrame: number | null;
  /** Streams open at once. */
  readonly maxStreams: number | null;
  /** Whether streams may be begun by the server. */
  readonly push: boolean | null;
}

/** Of a setting that stands there many times the last one counts. @throws ConnectionError for a value that may not be */
export function readSettings(bytes: Uint8Array, from: number, to: number): PeerSettings {
  let window: number | null = null;
  let maxFrame: number | null = null;
  let maxStreams: number | null = null;
  let push: boolean | null = null;
  const length = to - from;
  if (length % SETTING_BYTES !== 0) {
    throw wrongLength("SETTINGS", length, "a multiple of six");
  }
  for (let at = from; at < to; at += SETTING_BYTES) {
    const id = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    const value = uint32At(bytes, at + 2);
    switch (id) {
      case Setting.enablePush:
        if (value > 1) throw wrong("SETTINGS_ENABLE_PUSH", value, "0 or 1");
        push = value === 1;
        break;
      case Setting.maxConcurrentStreams:
        maxStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > LARGEST_WINDOW) {
          const text = `SETTINGS_INITIAL_WINDOW_SIZE is ${value}, the largest window has ${LARGEST_WINDOW} bytes`;
          throw new ConnectionError(ErrorCode.flowControlError, text);
        }
        window = value;
        break;
      case Setting.maxFrameSize:
        if (value < DEFAULT_MAX_FRAME || value > LARGEST_FRAME) {
          throw wrong("SETTINGS_MAX_FRAME_SIZE", value, `${DEFAULT_MAX_FRAME} to ${LARGEST_FRAME}`);
        }
        maxFrame = value;
        break;
      default:
        // Our header blocks use no table and are short; unknown settings say nothing.
        break;
    }
  }
  return { window, maxFrame, maxStreams, push };
}

function wrong(name: string, value: number, allowed: string): ConnectionError {
  return protocolError(`${name} is ${value}, but must be ${allowed}`);
}
