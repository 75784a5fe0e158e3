/** What a client's SETTINGS say, checked (RFC 9113 §6.5.2). */
import { ConnectionError, protocolError, wrongLength } from "./faults.ts";
import { DEFAULT_MAX_FRAME, ErrorCode, LARGEST_FRAME, LARGEST_WINDOW, Setting, uint32At } from "./frames.ts";

const SETTING_BYTES = 6;

/** Calls `apply` for each that says something about what we send. @throws ConnectionError for a value that may not be */
export function readSettings(
  bytes: Uint8Array,
  from: number,
  to: number,
  apply: (setting: "window" | "frame", value: number) => void,
): void {
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
        break;
      case Setting.initialWindowSize:
        if (value > LARGEST_WINDOW) {
          const text = `SETTINGS_INITIAL_WINDOW_SIZE is ${value}, the largest window has ${LARGEST_WINDOW} bytes`;
          throw new ConnectionError(ErrorCode.flowControlError, text);
        }
        apply("window", value);
        break;
      case Setting.maxFrameSize:
        if (value < DEFAULT_MAX_FRAME || value > LARGEST_FRAME) {
          throw wrong("SETTINGS_MAX_FRAME_SIZE", value, `${DEFAULT_MAX_FRAME} to ${LARGEST_FRAME}`);
        }
        apply("frame", value);
        break;
      default:
        // We push nothing, our header blocks use no table and are short; unknown settings say nothing.
        break;
    }
  }
}

function wrong(name: string, value: number, allowed: string): ConnectionError {
  return protocolError(`${name} is ${value}, but must be ${allowed}`);
}
