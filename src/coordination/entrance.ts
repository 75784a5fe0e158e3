import { isAbsent, prefixRange } from "../kv/requests.ts";
import type { Wait } from "../kv/wait.ts";
import type { CallOptions } from "../store/store.ts";
import { byteStringOfText } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { admit } from "./admission.ts";
import type { Place } from "./hold.ts";
import { type Line, nearest } from "./line.ts";
import type { Session, SessionSource } from "./session.ts";

export interface EntranceOptions {
  readonly line: Line;
  /** Keys of those who come in here begin with it. */
  readonly prefix: ByteString;
  /** Keys of those whom they wait for begin with it. */
  readonly blocking: ByteString;
  /** What others see of who comes in. */
  readonly label: string;
}

/** Where one comes in when all who came before and stand in the way are gone. */
export class Entrance {
  readonly line: Line;
  readonly #source: SessionSource;
  readonly #prefix: ByteString;
  readonly #blocking: ByteString;
  readonly #value: ByteString;

  constructor(source: SessionSource, { line, prefix, blocking, label }: EntranceOptions) {
    this.line = line;
    this.#source = source;
    this.#prefix = prefix;
    this.#blocking = blocking;
    this.#value = byteStringOfText(label);
  }

  /** Waits for its turn. */
  enter(options?: CallOptions): Promise<Place> {
    return admit(this.#source, options, (session, wait) => this.enterIn(session, wait));
  }

  /** Comes in if nobody stands in the way now; else null, without a trace. */
  tryEnter(options?: CallOptions): Promise<Place | null> {
    return admit(this.#source, options, (session, wait) => this.tryEnterIn(session, wait));
  }

  async tryEnterIn(session: Session, wait: Wait): Promise<Place | null> {
    const { key, rangeEnd } = prefixRange(this.#blocking);
    const joining = { prefix: this.#prefix, value: this.#value, compare: [isAbsent(key, rangeEnd)] };
    return await this.line.tryJoin(session, wait, joining);
  }

  async enterIn(session: Session, wait: Wait): Promise<Place> {
    const reads = [nearest(this.#blocking)];
    const place = await this.line.join(session, wait, { prefix: this.#prefix, value: this.#value, reads });
    return await this.line.turn(place, this.#blocking, wait);
  }
}
