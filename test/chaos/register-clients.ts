/**
 * Clients that read, write and compare-and-set a few registers through all members at once, and record the history of
 * each register for the linearizability checker. New registers every round keep histories short.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Compare_CompareResult, Compare_CompareTarget, KV } from "../../src/wire/gen/etcdserverpb/kv_pb.ts";
import { bytesOf, MemberClient, textOf } from "../support/member-client.ts";
import type { Seeded } from "../support/seeded.ts";
import type { Operation, Step } from "./linearizability.ts";
import { resultOf } from "./outcome.ts";
import type { Stamped } from "./real-time-order.ts";

const REGISTERS = 3;
/** More operations on one register make the checker slow, not better. */
const OPERATIONS_PER_REGISTER = 250;

export interface RegisterOptions {
  readonly prefix: string;
  readonly endpoints: readonly string[];
  readonly clients: number;
  readonly paceMs: number;
  readonly timeoutMs: number;
  readonly random: Seeded;
}

export class RegisterClients {
  /** By key. */
  readonly histories: Map<string, Operation[]> = new Map();
  /** Every answer that carried a revision. */
  readonly stamped: Stamped[] = [];
  readonly #options: RegisterOptions;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[];
  #generation = 0;
  #values = 0;

  /** Begins at once. */
  constructor(options: RegisterOptions) {
    this.#options = options;
    this.#running = Array.from({ length: options.clients }, (_, client) => this.#work(client));
  }

  /** From here on new registers are used. */
  nextGeneration(): void {
    this.#generation++;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  async #work(client: number): Promise<void> {
    const { endpoints, paceMs, random } = this.#options;
    const connections = endpoints.map((endpoint) => new MemberClient(endpoint));
    /** What this client saw last, to have something to compare with. */
    const last = new Map<string, string | null>();
    let at = client;
    while (!this.#stopping.signal.aborted) {
      const key = `${this.#options.prefix}${this.#generation}/${random.below(REGISTERS)}`;
      const history = this.#history(key);
      if (history.length < OPERATIONS_PER_REGISTER) {
        const planned = this.#plan(last.get(key) ?? null, client);
        const start = performance.now();
        try {
          const { step, revision, wrote } = await this.#perform(
            connections[at % connections.length] as MemberClient,
            key,
            planned,
          );
          const end = performance.now();
          history.push({ step, start, end, client: String(client) });
          this.stamped.push({ what: `${step.type} ${key}`, start, end, revision, wrote });
          last.set(key, step.value);
        } catch (error) {
          if (planned.type !== "read" && resultOf(error) === "unknown") {
            history.push({ step: planned, start, end: Number.POSITIVE_INFINITY, client: String(client) });
          }
          at++;
        }
      }
      // A client changes its member now and then, so that stale members have readers who know better.
      if (random.below(8) === 0) at++;
      await delay(paceMs);
    }
    for (const connection of connections) connection.close();
  }

  #plan(expected: string | null, client: number): Step {
    const value = `${client}:${++this.#values}`;
    switch (this.#options.random.below(4)) {
      case 0:
        return { type: "write", value };
      case 1:
        return { type: "cas", expected, value };
      default:
        return { type: "read", value: null };
    }
  }

  /** Carries out what was planned; the step that comes back tells what was seen. */
  async #perform(
    member: MemberClient,
    key: string,
    step: Step,
  ): Promise<{ step: Step; revision: number; wrote: boolean }> {
    const options = { timeoutMs: this.#options.timeoutMs };
    switch (step.type) {
      case "read": {
        const { header, kvs } = await member.get(key, {}, options);
        return {
          step: { type: "read", value: kvs[0] === undefined ? null : textOf(kvs[0].value) },
          revision: Number(header?.revision),
          wrote: false,
        };
      }
      case "write": {
        const { header } = await member.put(key, step.value, options);
        return { step, revision: Number(header?.revision), wrote: true };
      }
      case "cas": {
        const name = bytesOf(key);
        const compare =
          step.expected === null
            ? ({ target: Compare_CompareTarget.CREATE, targetUnion: { case: "createRevision", value: 0n } } as const)
            : ({
                target: Compare_CompareTarget.VALUE,
                targetUnion: { case: "value", value: bytesOf(step.expected) },
              } as const);
        const answer = await member.call(
          KV.method.txn,
          {
            compare: [{ key: name, result: Compare_CompareResult.EQUAL, ...compare }],
            success: [{ request: { case: "requestPut", value: { key: name, value: bytesOf(step.value) } } }],
            failure: [{ request: { case: "requestRange", value: { key: name } } }],
          },
          options,
        );
        const revision = Number(answer.header?.revision);
        if (answer.succeeded) return { step, revision, wrote: true };
        const response = answer.responses[0]?.response;
        const found = response?.case === "responseRange" ? response.value.kvs[0] : undefined;
        return {
          step: { type: "read", value: found === undefined ? null : textOf(found.value) },
          revision,
          wrote: false,
        };
      }
    }
  }

  #history(key: string): Operation[] {
    let history = this.histories.get(key);
    if (history === undefined) {
      history = [];
      this.histories.set(key, history);
    }
    return history;
  }
}
