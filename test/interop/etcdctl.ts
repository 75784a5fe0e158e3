/** Debian's etcdctl, as a function. */
import { type Outcome, output, type RunOptions, run } from "../support/programs.ts";

export interface KeyValue {
  readonly key: string;
  readonly value: string;
  readonly create_revision: number;
  readonly mod_revision: number;
  readonly version: number;
}

export interface Header {
  readonly cluster_id: number;
  readonly member_id: number;
  readonly revision: number;
  readonly raft_term: number;
}

export class Etcdctl {
  readonly #endpoints: string;

  constructor(endpoints: readonly string[]) {
    this.#endpoints = endpoints.join(",");
  }

  /** Runs a command that must succeed; its output without the newline at the end. */
  async say(args: readonly string[], options: RunOptions = {}): Promise<string> {
    return (await output("etcdctl", this.arguments(args), withApi(options))).trimEnd();
  }

  /** Runs a command that may fail. */
  try(args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
    return run("etcdctl", this.arguments(args), withApi(options));
  }

  /** Runs a command and reads its JSON. Ids above 2^53 lose digits in it: do not compare them. */
  async json<T>(args: readonly string[]): Promise<T> {
    const text = await this.say([...args, "--write-out=json"]);
    return JSON.parse(text) as T;
  }

  arguments(args: readonly string[]): string[] {
    return [`--endpoints=${this.#endpoints}`, "--dial-timeout=3s", "--command-timeout=10s", ...args];
  }
}

/** What etcdctl's JSON holds in base64, as text. */
export function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString("utf8");
}

/** etcdctl of Debian 12 is 3.4, where the v3 API is the default; older ones need to be told. */
function withApi(options: RunOptions): RunOptions {
  return { ...options, env: { ...options.env, ETCDCTL_API: "3" } };
}
