/** What is measured: a library with the server that it talks to, behind what all of them can be asked for. */

/** Gives up what was got. */
export type GiveUp = () => Promise<void>;

/** A client with a connection of its own. What its library does not have is null. */
export interface Client {
  /** Waits for a lock. */
  readonly lock: ((name: string) => Promise<GiveUp>) | null;
  /** Waits for one of `PERMITS`. */
  readonly permit: ((name: string) => Promise<GiveUp>) | null;
  /** Adds 1. */
  readonly add: ((name: string) => Promise<void>) | null;
  /** Adds 1, in the way that is made for many adds at once. */
  readonly addAmongMany: ((name: string) => Promise<void>) | null;
  readonly election: ElectionClient | null;
  close(): Promise<void>;
}

export interface ElectionClient {
  /** Waits until it leads. */
  campaign(name: string): Promise<GiveUp>;
  /** How many lead or wait. */
  standing(name: string): Promise<number>;
}

export interface Subject {
  readonly name: string;
  client(): Promise<Client>;
}

export const PERMITS = 3;
/** Of leases and sessions, seconds; the same for all. */
export const TTL_SECONDS = 30;

/** For libraries that do not wait in a line: until they ask again, ms. Of the same size as Redlock's own, a tenth as long. */
export const RETRY_MS = 20;
export const RETRY_JITTER_MS = 10;

export function retryDelayMs(): number {
  return RETRY_MS + (2 * Math.random() - 1) * RETRY_JITTER_MS;
}

/** A package of `bench/package.json`, which nothing but the benchmarks needs. */
export async function packageBeside<T>(name: string): Promise<T> {
  try {
    const { default: main } = (await import(name)) as { readonly default: T };
    return main;
  } catch (error) {
    throw new Error(`${name} is missing: npm ci --prefix bench`, { cause: error });
  }
}
