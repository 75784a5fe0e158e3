/** Where a queue keeps what; `docs/internals/work.md` says why. All below `queue/<name>//`. */
import { murmur3 } from "../../placement/murmur3.ts";
import type { ByteString } from "../../wire/kv.ts";
import { hex, moment, TOKEN_LENGTH } from "../stamps.ts";

export const LOWEST_PRIORITY = 9;

export class Layout {
  readonly prefix: ByteString;
  readonly lanes: number;

  constructor(prefix: ByteString, lanes: number) {
    this.prefix = prefix;
    this.lanes = lanes;
  }

  /** A message that is ready: smaller priorities first, then in the order of tokens. */
  message(lane: number, priority: number, token: ByteString): ByteString {
    return `${this.ready(lane)}${priority}/${token}`;
  }
  ready(lane: number): ByteString {
    return `${this.prefix}m/${hex(lane, 2)}/`;
  }
  /** Who has a message, on the holder's lease. */
  claim(lane: number, token: ByteString): ByteString {
    return `${this.claims(lane)}${token}`;
  }
  claims(lane: number): ByteString {
    return `${this.prefix}c/${hex(lane, 2)}/`;
  }
  /** A line of messages with one key. */
  line(lane: number, part: ByteString): ByteString {
    return `${this.prefix}k/${hex(lane, 2)}/${part}/`;
  }
  /** Says that a line may have messages. */
  lineMark(lane: number, part: ByteString): ByteString {
    return `${this.lineMarks(lane)}${part}`;
  }
  lineMarks(lane: number): ByteString {
    return `${this.prefix}s/${hex(lane, 2)}/`;
  }
  /** Who has a line. No token begins with "@". */
  lineClaim(lane: number, part: ByteString): ByteString {
    return `${this.claims(lane)}@${part}`;
  }
  /** How often a message was begun. */
  begun(token: ByteString): ByteString {
    return `${this.prefix}a/${token}`;
  }
  delayed(dueMs: number, token: ByteString): ByteString {
    return `${this.allDelayed}${moment(dueMs)}/${token}`;
  }
  get allDelayed(): ByteString {
    return `${this.prefix}d/`;
  }
  dead(token: ByteString): ByteString {
    return `${this.allDead}${token}`;
  }
  get allDead(): ByteString {
    return `${this.prefix}x/`;
  }
  /** An id that was used. */
  id(part: ByteString): ByteString {
    return `${this.prefix}i/${part}`;
  }
  chunk(token: ByteString, at: number): ByteString {
    return `${this.chunks(token)}${hex(at, 4)}`;
  }
  chunks(token: ByteString): ByteString {
    return `${this.prefix}b/${token}/`;
  }
  /** Put whenever something came into a lane: what consumers watch. */
  wake(lane: number): ByteString {
    return `${this.wakes}${hex(lane, 2)}`;
  }
  get wakes(): ByteString {
    return `${this.prefix}w/`;
  }
  /** Who consumes, on its lease. */
  consumer(id: ByteString): ByteString {
    return `${this.consumers}${id}`;
  }
  get consumers(): ByteString {
    return `${this.prefix}u/`;
  }
  /** What the combiner leaves. */
  get writers(): ByteString {
    return `${this.prefix}o/`;
  }

  laneOf(key: ByteString): number {
    return murmur3(key, 0) % this.lanes;
  }
}

/** The token at the end of a key. */
export function tokenOf(key: ByteString): ByteString {
  return key.slice(-TOKEN_LENGTH);
}

/** The place of a message in its line: `…/<place>.<token>`. */
export function placeOf(key: ByteString): ByteString {
  return key.slice(-(2 * TOKEN_LENGTH + 1), -(TOKEN_LENGTH + 1));
}
