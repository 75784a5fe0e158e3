/**
 * The same requests to a real etcd and to Quorate, and what each answers, in a form that can be compared.
 *
 * Both start empty, so revisions are equal as long as both did the same. What must differ is left out: the ids of
 * cluster and member, the term, and whatever is said of the machine.
 */
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary, toJson } from "@bufbuild/protobuf";
import { TestClient } from "../../src/server/testing/client.ts";
import { ClusterUnderTest } from "../support/cluster.ts";

export type Answer = Record<string, unknown>;

export interface Twin {
  readonly name: "etcd" | "quorate";
  readonly client: TestClient;
}

export class Twins {
  readonly etcd: Twin;
  readonly quorate: Twin;
  readonly #clusters: readonly ClusterUnderTest[];

  private constructor(clusters: readonly [ClusterUnderTest, ClusterUnderTest]) {
    this.#clusters = clusters;
    const twin = (name: Twin["name"], cluster: ClusterUnderTest): Twin => {
      const [host = "", port] = cluster.member(0).endpoint.split(":");
      return { name, client: new TestClient({ host, port: Number(port) }) };
    };
    this.etcd = twin("etcd", clusters[0]);
    this.quorate = twin("quorate", clusters[1]);
  }

  static async start(flags: readonly string[] = []): Promise<Twins> {
    const etcd = await ClusterUnderTest.start({ size: 1, target: "etcd", flags });
    try {
      return new Twins([etcd, await ClusterUnderTest.start({ size: 1, target: "quorate", flags })]);
    } catch (error) {
      await etcd.stop();
      throw error;
    }
  }

  get both(): readonly [Twin, Twin] {
    return [this.etcd, this.quorate];
  }

  async stop(): Promise<void> {
    for (const { client } of this.both) client.close();
    for (const cluster of this.#clusters) await cluster.stop();
  }

  /** Asks both, one after the other. */
  async ask<I extends DescMessage, O extends DescMessage>(
    path: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): Promise<{ etcd: Answer; quorate: Answer }> {
    const bytes = toBinary(input, create(input, request));
    const from = async ({ client }: Twin): Promise<Answer> => {
      const answer = await client.raw(path, bytes);
      if (!(answer instanceof Uint8Array)) return { ...answer };
      return normal(toJson(output, fromBinary(output, answer)));
    };
    return { etcd: await from(this.etcd), quorate: await from(this.quorate) };
  }
}

/** Without what must differ. */
export function normal(json: unknown): Answer {
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(strip);
    if (value === null || typeof value !== "object") return value;
    const kept = Object.entries(value).filter(([name]) => !["clusterId", "memberId", "raftTerm"].includes(name));
    return Object.fromEntries(kept.map(([name, inner]) => [name, strip(inner)]));
  };
  return strip(json) as Answer;
}
