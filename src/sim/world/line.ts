/**
 * A client's way to one member and back: messages of a call stay in order, take a while, and vanish while the way is
 * cut. What a client hears when the member's process dies is that its connection broke, not what became of its call.
 */
import type { SeededRandom } from "../../consensus/random.ts";
import type { QuorateError } from "../../errors.ts";
import type { Timeline } from "../../virtual/timeline.ts";
import type { Handle } from "./call.ts";
import type { WorldMember } from "./member.ts";

/** How a call ended for its client. */
export type Ending =
  | { readonly type: "ok" }
  | { readonly type: "error"; readonly error: QuorateError }
  /** Nobody was there to take it: it was not done. */
  | { readonly type: "refused" }
  /** The connection broke while it was under way. */
  | { readonly type: "lost" };

export interface ClientListener {
  message(bytes: Uint8Array): void;
  end(ending: Ending): void;
}

export interface LineOptions {
  readonly timeline: Timeline;
  readonly random: SeededRandom;
  readonly member: WorldMember;
  readonly minDelayMs: number;
  readonly maxDelayMs: number;
}

export class Line {
  readonly #options: LineOptions;

  constructor(options: LineOptions) {
    this.#options = options;
  }

  get member(): WorldMember {
    return this.#options.member;
  }

  /** Begins a call; `listener.end` comes at most once, and not at all if the way stays cut. */
  call(path: string, request: Uint8Array, listener: ClientListener): LineCall {
    const call = new LineCall(this.#options, listener);
    call.begin(path, request);
    return call;
  }
}

export class LineCall {
  readonly #options: LineOptions;
  readonly #listener: ClientListener;
  /** Which life of the member's process took it; 0: none yet. */
  life = 0;
  #handle: Handle | null = null;
  #over = false;
  /** When the last message on its way arrives, there and back. */
  #thereAt = 0;
  #backAt = 0;
  /** Something of it was lost on the way: nothing more comes through, as TCP would have it. */
  #severed = false;
  /** While set, the client reads nothing: messages pile up here. */
  #unread: Uint8Array[] | null = null;

  constructor(options: LineOptions, listener: ClientListener) {
    this.#options = options;
    this.#listener = listener;
  }

  /** Nothing comes through any more, either way, and nobody will say so. */
  get severed(): boolean {
    return this.#severed;
  }

  begin(path: string, request: Uint8Array): void {
    this.#options.member.calls.add(this);
    this.#there(() => {
      const { member } = this.#options;
      const refused = (): void => this.#back(() => this.#end({ type: "refused" }));
      if (!member.serving) return refused();
      member.enter(() => {
        if (this.#over) return;
        this.life = member.lives;
        this.#handle = member.front.call(path, request, {
          message: (bytes) => this.#back(() => this.#take(bytes)),
          answer: (bytes) => this.#back(() => this.#answered(bytes)),
          end: (error) => this.#back(() => this.#end(error === null ? { type: "ok" } : { type: "error", error })),
        });
        if (this.#handle === null) refused();
      });
    });
  }

  send(bytes: Uint8Array): void {
    this.#there(() => this.#options.member.enter(() => this.#handle?.send(bytes)));
  }

  /** The client wants no more of it; nothing more is told. */
  cancel(): void {
    if (this.#over) return;
    this.#close();
    this.#there(() => this.#options.member.enter(() => this.#handle?.cancel()), true);
  }

  /** The client stops reading, or goes on. */
  pause(): void {
    this.#unread ??= [];
  }

  resume(): void {
    const unread = this.#unread ?? [];
    this.#unread = null;
    for (const bytes of unread) this.#take(bytes);
  }

  /** The member's process died. */
  lost(): void {
    this.#handle = null;
    this.#back(() => this.#end({ type: "lost" }));
  }

  #take(bytes: Uint8Array): void {
    if (this.#over) return;
    if (this.#unread !== null) {
      this.#unread.push(bytes);
      return;
    }
    const handle = this.#handle;
    if (handle !== null) this.#there(() => this.#options.member.enter(() => handle.read()));
    this.#listener.message(bytes);
  }

  #answered(bytes: Uint8Array): void {
    this.#close();
    this.#listener.message(bytes);
    this.#listener.end({ type: "ok" });
  }

  #end(ending: Ending): void {
    this.resume();
    if (this.#over) return;
    this.#close();
    this.#listener.end(ending);
  }

  #close(): void {
    this.#over = true;
    this.#options.member.calls.delete(this);
  }

  #there(run: () => void, evenIfOver = false): void {
    const { timeline, member } = this.#options;
    this.#thereAt = Math.max(this.#thereAt, timeline.now + this.#delay());
    timeline.at(this.#thereAt, () => {
      this.#severed ||= member.cutFromClients;
      if (!this.#severed && (evenIfOver || !this.#over)) run();
    });
  }

  #back(run: () => void): void {
    const { timeline, member } = this.#options;
    this.#backAt = Math.max(this.#backAt, timeline.now + this.#delay());
    timeline.at(this.#backAt, () => {
      this.#severed ||= member.cutFromClients;
      if (!this.#over && !this.#severed) run();
    });
  }

  #delay(): number {
    return this.#options.random.between(this.#options.minDelayMs, this.#options.maxDelayMs);
  }
}
