/** Asks the members that `--initial-cluster` names, as far as they can be reached, which cluster they are and who is in it. */
import type { Environment } from "../environment.ts";
import { QuorateError } from "../errors.ts";
import { peerAddress } from "../replica/peers.ts";
import { inquire } from "../transport/inquiry.ts";
import type { ClusterDescription, InitialMember } from "./bootstrap.ts";
import { decodeDescription } from "./cluster-description.ts";

export interface Acquaintances {
  readonly initialAdvertisePeerUrls: readonly string[];
  readonly initialCluster: readonly InitialMember[];
}

const INQUIRY_MS = 2_000;

/**
 * What the others say, those with the most members first; nothing of those that do not answer in time, or that do not
 * know the members themselves.
 * @throws QuorateError CONFIG naming a URL that cannot be used.
 */
export async function askOthers(
  acquaintances: Acquaintances,
  environment: Pick<Environment, "network" | "clock" | "random" | "logger">,
): Promise<ClusterDescription[]> {
  const answers = await Promise.all(
    otherUrls(acquaintances).map(async (url) => {
      try {
        return decodeDescription(await inquire(environment, peerAddress(url), INQUIRY_MS));
      } catch (error) {
        if (error instanceof QuorateError && error.code === "CONFIG") throw error;
        environment.logger.debug({ url, error: String(error) }, `${url} does not answer: ${String(error)}`);
        return null;
      }
    }),
  );
  return answers
    .filter((answer): answer is ClusterDescription => answer !== null && answer.members.length > 0)
    .sort((a, b) => b.members.length - a.members.length);
}

/** The peer URLs of `--initial-cluster` that are not this member's own. */
export function otherUrls({ initialCluster, initialAdvertisePeerUrls }: Acquaintances): string[] {
  return initialCluster.flatMap(({ peerUrls }) => peerUrls).filter((url) => !initialAdvertisePeerUrls.includes(url));
}
