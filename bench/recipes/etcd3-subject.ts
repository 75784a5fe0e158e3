import { setTimeout as delay } from "node:timers/promises";
import { type Client, type GiveUp, packageBeside, retryDelayMs, type Subject, TTL_SECONDS } from "./subject.ts";

/** Of the package `etcd3`, what is used here. */
interface Etcd3Package {
  readonly Etcd3: new (options: { readonly hosts: string }) => Etcd3;
  readonly EtcdLockFailedError: new () => Error;
}

interface Etcd3 {
  lock(name: string): { ttl(seconds: number): Etcd3Lock };
  stm(options: { readonly retries: number }): {
    transact(run: (tx: Etcd3Transaction) => Promise<void>): Promise<void>;
  };
  election(name: string, ttlSeconds: number): { campaign(value: string): Etcd3Campaign };
  namespace(prefix: string): { getAll(): { count(): Promise<number> } };
  close(): void;
}

interface Etcd3Lock {
  acquire(): Promise<unknown>;
  release(): Promise<unknown>;
}

interface Etcd3Transaction {
  get(key: string): { number(): Promise<number | null> };
  put(key: string): { value(value: number): Promise<unknown> };
}

interface Etcd3Campaign {
  wait(): Promise<unknown>;
  resign(): Promise<void>;
}

/** The npm package `etcd3`, on etcd. */
export async function etcd3Subject(endpoint: string): Promise<Subject> {
  const library = await packageBeside<Etcd3Package>("etcd3");
  return {
    name: "etcd3 on etcd",
    client: async () => clientOf(library, new library.Etcd3({ hosts: `http://${endpoint}` })),
  };
}

function clientOf(library: Etcd3Package, client: Etcd3): Client {
  return {
    // Its lock does not wait: it fails when it is taken.
    lock: async (name): Promise<GiveUp> => {
      for (;;) {
        const lock = client.lock(name).ttl(TTL_SECONDS);
        try {
          await lock.acquire();
          return async () => void (await lock.release());
        } catch (error) {
          if (!(error instanceof library.EtcdLockFailedError)) throw error;
        }
        await delay(retryDelayMs());
      }
    },
    permit: null,
    // It has no counter; its software transactions are what one is made of.
    add: (name) =>
      client.stm({ retries: 10_000 }).transact(async (tx) => {
        const value = (await tx.get(name).number()) ?? 0;
        await tx.put(name).value(value + 1);
      }),
    addAmongMany: null,
    election: {
      campaign: async (name) => {
        const campaign = client.election(name, TTL_SECONDS).campaign("");
        await campaign.wait();
        return () => campaign.resign();
      },
      standing: (name) => client.namespace(`election/${name}/`).getAll().count(),
    },
    close: async () => client.close(),
  };
}
