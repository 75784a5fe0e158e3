/** Asking endpoints one by one, each for itself. */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { type Endpoint, parseEndpoints } from "../client/endpoints.ts";
import type { ClientContext } from "../client-options.ts";
import { callError, oneLine } from "../failure.ts";

export interface ClusterOption {
  /** Ask all members of the cluster instead of the endpoints given. */
  readonly cluster?: boolean;
}

/** The endpoints given, or with `--cluster` the client URLs of all members. */
export async function targets({ client }: ClientContext, options: ClusterOption): Promise<readonly Endpoint[]> {
  if (options.cluster !== true) return client.endpoints;
  const { memberList } = await import("../../wire/methods.ts");
  const { members } = await client.call(memberList, { linearizable: false });
  const urls = members.flatMap(({ clientURLs }) => clientURLs);
  if (urls.length === 0) throw callError("no member of the cluster says where it answers clients");
  return parseEndpoints(urls.join(","), "member list");
}

export interface Asked<Answer> {
  readonly endpoint: Endpoint;
  readonly tookMs: number;
  /** The answer, or why there is none. */
  readonly answer: Answer | QuorateError;
}

export async function askEach<Answer>(
  { client }: ClientContext,
  endpoints: readonly Endpoint[],
  ask: (one: typeof client) => Promise<Answer>,
): Promise<Asked<Answer>[]> {
  return Promise.all(
    endpoints.map(async (endpoint) => {
      const one = client.withEndpoints([endpoint]);
      let from = performance.now();
      try {
        await one.connect();
        from = performance.now();
        const answer = await ask(one);
        return { endpoint, tookMs: performance.now() - from, answer };
      } catch (error) {
        if (!(error instanceof QuorateError)) throw error;
        return { endpoint, tookMs: performance.now() - from, answer: error };
      } finally {
        one.close();
      }
    }),
  );
}

export interface Answered<Answer> {
  readonly endpoint: Endpoint;
  readonly answer: Answer;
}

/** Those that answered; the others are said on the error stream, and make the command fail in the end. */
export function parted<Answer>(
  asked: readonly Asked<Answer>[],
  { terminal }: ClientContext,
): { answered: Answered<Answer>[]; failed: number } {
  const answered: Answered<Answer>[] = [];
  let failed = 0;
  for (const { endpoint, answer } of asked) {
    if (answer instanceof QuorateError) {
      failed++;
      terminal.err(`${endpoint.text}: ${oneLine(answer)}\n`);
    } else {
      answered.push({ endpoint, answer });
    }
  }
  return { answered, failed };
}

export function failIfAny(failed: number, asked: number): void {
  if (failed > 0) throw callError(`${failed} of ${asked} endpoints did not answer`, GrpcStatus.unavailable);
}
