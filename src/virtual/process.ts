import type { Action, Timeline } from "./timeline.ts";

/**
 * One life of a process on a simulated machine. Everything that enters its code goes through `enter`: a dead process
 * hears nothing more, a paused one (SIGSTOP, a long garbage collection) hears all of it later, in order.
 */
export class VirtualProcess implements Action {
  readonly #timeline: Timeline;
  #state: "running" | "paused" | "dead" = "running";
  /** What came while it was paused, and behind that what came before all of it was heard. */
  #waiting: (() => void)[] = [];
  /** An event that goes on with `#waiting` is scheduled. */
  #resuming = false;
  #deathHandlers: (() => void)[] = [];

  constructor(timeline: Timeline) {
    this.#timeline = timeline;
  }

  get alive(): boolean {
    return this.#state !== "dead";
  }

  get paused(): boolean {
    return this.#state === "paused";
  }

  /** Whether `enter` runs at once. */
  get listening(): boolean {
    return this.#state === "running" && this.#waiting.length === 0;
  }

  /** Dead: dropped. Paused: kept for later. Else run now. */
  enter(run: () => void): void {
    if (this.listening) run();
    else if (this.#state !== "dead") this.#waiting.push(run);
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /** What came meanwhile is heard from now on, one event each. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#goOn();
  }

  /** Ends it at once, as kill -9 does. */
  kill(): void {
    if (this.#state === "dead") return;
    this.#state = "dead";
    this.#waiting = [];
    const handlers = this.#deathHandlers;
    this.#deathHandlers = [];
    for (const handle of handlers) handle();
  }

  /** Called once when it ends: what the system does with what it held. */
  onDeath(handle: () => void): void {
    this.#deathHandlers.push(handle);
  }

  /** The timeline's: hears the next thing that waited. */
  fire(): void {
    this.#resuming = false;
    if (this.#state !== "running") return;
    const run = this.#waiting.shift();
    this.#goOn();
    run?.();
  }

  #goOn(): void {
    if (this.#resuming || this.#waiting.length === 0) return;
    this.#resuming = true;
    this.#timeline.schedule(this.#timeline.now, this);
  }
}
