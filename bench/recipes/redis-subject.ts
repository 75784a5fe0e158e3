import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "../../test/support/eventually.ts";
import { freePorts } from "../../test/support/ports.ts";
import type { Program } from "../../test/support/programs.ts";
import { type Client, packageBeside, RETRY_JITTER_MS, RETRY_MS, type Subject, TTL_SECONDS } from "./subject.ts";

export const REDIS: Program = {
  name: "redis-server",
  package: "redis-server",
  probe: ["redis-server", "--version"],
};

/** Of the packages `ioredis` and `redlock`, what is used here. */
type IoRedis = new (options: { readonly port: number; readonly enableAutoPipelining?: boolean }) => RedisClient;

interface RedisClient {
  ping(): Promise<string>;
  incr(key: string): Promise<number>;
  quit(): Promise<unknown>;
}

type Redlock = new (
  clients: readonly RedisClient[],
  options: { readonly retryCount: number; readonly retryDelay: number; readonly retryJitter: number },
) => { lock(name: string, ttlMs: number): Promise<{ unlock(): Promise<void> }> };

/** A Redis that has on disk what it acknowledges, as the others do; one server, which others may lose with its machine. */
export class RedisServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number) {
    this.port = port;
    this.#folder = mkdtempSync(join(tmpdir(), "quorate-redis-"));
    const settings = { port, bind: "127.0.0.1", dir: this.#folder, appendonly: "yes", appendfsync: "always", save: "" };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    this.#child = spawn("redis-server", args, { stdio: "ignore" });
    process.once("exit", () => this.#child.kill("SIGKILL"));
  }

  static async start(): Promise<RedisServer> {
    const [port] = (await freePorts(1)) as [number];
    const server = new RedisServer(port);
    const Redis = await packageBeside<IoRedis>("ioredis");
    const client = new Redis({ port });
    try {
      await eventually("Redis answers", () => client.ping(), { withinMs: 20_000 });
    } finally {
      await client.quit();
    }
    return server;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    await ended;
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The npm packages `redlock` (locks) and `ioredis` (INCR), on one Redis. */
export async function redisSubject(port: number): Promise<Subject> {
  const Redis = await packageBeside<IoRedis>("ioredis");
  const RedlockOf = await packageBeside<Redlock>("redlock");
  return {
    name: "redlock, ioredis on Redis",
    client: async (): Promise<Client> => {
      const client = new Redis({ port });
      const pipelined = new Redis({ port, enableAutoPipelining: true });
      const forEver = -1;
      const redlock = new RedlockOf([client], {
        retryCount: forEver,
        retryDelay: RETRY_MS,
        retryJitter: RETRY_JITTER_MS,
      });
      return {
        lock: async (name) => {
          const lock = await redlock.lock(name, 1_000 * TTL_SECONDS);
          return () => lock.unlock();
        },
        permit: null,
        add: async (name) => void (await client.incr(name)),
        addAmongMany: async (name) => void (await pipelined.incr(name)),
        election: null,
        close: async () => void (await Promise.all([client.quit(), pipelined.quit()])),
      };
    },
  };
}
