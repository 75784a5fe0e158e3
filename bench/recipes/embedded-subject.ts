import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Quorate } from "../../src/coordination/quorate.ts";
import { start } from "../../src/coordination/start.ts";
import type { Store } from "../../src/store/store.ts";
import { eventually } from "../../test/support/eventually.ts";
import { MemberClient } from "../../test/support/member-client.ts";
import { MemberProcess } from "../../test/support/member-process.ts";
import { freePorts } from "../../test/support/ports.ts";
import { clientOf } from "./quorate-subject.ts";
import { type Subject, TTL_SECONDS } from "./subject.ts";

const OWN = "own";
const READY_WITHIN_MS = 60_000;

/** Three members: one within this process, which leads, and two processes of their own. */
export class EmbeddedAmongThree {
  readonly #folder: string;
  readonly #others: readonly MemberProcess[];
  readonly #own: MemberClient;
  readonly #q: Quorate;

  private constructor(folder: string, others: readonly MemberProcess[], own: MemberClient, q: Quorate) {
    this.#folder = folder;
    this.#others = others;
    this.#own = own;
    this.#q = q;
  }

  static async start(): Promise<EmbeddedAmongThree> {
    const folder = mkdtempSync(join(tmpdir(), "quorate-embedded-"));
    const token = `embedded-${process.pid}`;
    const members: { readonly name: string; readonly clientUrl: string; readonly peerUrl: string }[] = [];
    for (const name of [OWN, "m2", "m3"]) {
      const [client, peer] = (await freePorts(2)) as [number, number];
      members.push({ name, clientUrl: `http://127.0.0.1:${client}`, peerUrl: `http://127.0.0.1:${peer}` });
    }
    const others = members.slice(1).map(
      ({ name, clientUrl, peerUrl }) =>
        new MemberProcess("quorate", {
          name,
          dataDir: join(folder, name),
          listenClientUrl: clientUrl,
          listenPeerUrl: peerUrl,
          advertisePeerUrl: peerUrl,
          initialCluster: members.map((member) => `${member.name}=${member.peerUrl}`).join(","),
          initialClusterState: "new",
          token,
          engine: null,
          flags: [],
        }),
    );
    for (const other of others) other.start();
    const clientUrl = members[0]?.clientUrl ?? "";
    const q = await start({
      name: OWN,
      dataDir: join(folder, OWN),
      listenClientUrls: [clientUrl],
      initialCluster: members.map(({ name, peerUrl }) => ({ name, peerUrls: [peerUrl] })),
      initialClusterToken: token,
    });
    const cluster = new EmbeddedAmongThree(folder, others, new MemberClient(new URL(clientUrl).host), q);
    await cluster.#lead();
    return cluster;
  }

  subject(): Subject {
    const store = leftOpen(this.#q.store);
    return {
      name: "Quorate embedded",
      client: async () => clientOf(new Quorate(store, { sessionTtlMs: 1_000 * TTL_SECONDS })),
    };
  }

  async stop(): Promise<void> {
    this.#own.close();
    for (const { client } of this.#others) client.close();
    await this.#q.close();
    await Promise.all(this.#others.map((other) => other.end("SIGKILL")));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** A leader that is told to end hands over; until our own has it. */
  async #lead(): Promise<void> {
    for (;;) {
      const leader = await eventually("somebody leads", () => this.#leader(), { withinMs: READY_WITHIN_MS });
      if (leader === OWN) return;
      await leader.end("SIGTERM");
      await eventually("somebody else leads", () => this.#leader(), { withinMs: READY_WITHIN_MS });
      leader.start();
      await eventually("it is back", () => leader.client.get("ready?"), { withinMs: READY_WITHIN_MS });
    }
  }

  async #leader(): Promise<MemberProcess | typeof OWN> {
    const leads = async (client: MemberClient): Promise<boolean> => {
      const { leader, header } = await client.status();
      return leader !== 0n && leader === header?.memberId;
    };
    if (await leads(this.#own)) return OWN;
    for (const other of this.#others) if (other.isRunning && (await leads(other.client))) return other;
    throw new Error("nobody leads");
  }
}

/** A store that several clients share, of which none may close it. */
function leftOpen(store: Store): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === "close") return () => Promise.resolve();
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
