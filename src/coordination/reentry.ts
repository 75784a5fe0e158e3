import { assert } from "../errors.ts";
import type { Wait } from "../kv/wait.ts";
import type { Place } from "./hold.ts";

/** One of the times that a place was entered. */
export interface Entry {
  readonly place: Place;
  /** Once, when it is left; the last one lets others have the place. */
  readonly drop: () => Promise<void>;
}

/** A place that its owner may enter any number of times: free when it was left as often. */
export class Reentry {
  #place: Place | null = null;
  #entries = 0;
  #entering: Promise<Entry> | null = null;

  /** Enters at once if the owner is in already; else null. */
  again(): Entry | null {
    if (this.#place?.session.check() !== true) return null;
    return this.#count(this.#place);
  }

  /** Enters again, or gets the place by `get`, one at a time: who comes meanwhile waits for that, and then is in too. */
  async enter(wait: Wait, get: () => Promise<Place>): Promise<Entry> {
    for (;;) {
      const again = this.again();
      if (again !== null) return again;
      if (this.#entering === null) break;
      // If it fails, the next in turn tries for itself.
      await wait.for(this.#entering.catch(() => undefined));
    }
    this.#entering = get()
      .then((place) => this.entered(place))
      .finally(() => {
        this.#entering = null;
      });
    return await this.#entering;
  }

  /** The place was got. */
  entered(place: Place): Entry {
    this.#place = place;
    this.#entries = 0;
    return this.#count(place);
  }

  #count(place: Place): Entry {
    this.#entries += 1;
    const drop = async (): Promise<void> => {
      // One that was lost is gone with its session; the entries are those of another place now.
      if (this.#place !== place) return;
      this.#entries -= 1;
      assert(this.#entries >= 0, "a place was left more often than it was entered");
      if (this.#entries > 0) return;
      this.#place = null;
      await place.session.writes.discard(place.key, place.revision);
    };
    return { place, drop };
  }
}
