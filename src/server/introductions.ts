/**
 * Links for a member whose disk does not say who the members are: one that was added and ended before its first entry,
 * or that lost its log. It asks around until somebody answers, however long that takes, keeps links to those it was told
 * of, and is out of the way as soon as the log has named this member.
 */
import type { Clock, Logger, MemberId, Scheduled } from "../environment.ts";
import { peerAddress } from "../replica/peers.ts";
import type { FrameKind, LinkStatus, Peer, Transport, TransportIdentity } from "../transport/transport.ts";
import type { ClusterDescription } from "./bootstrap.ts";

export interface IntroductionOptions {
  readonly transport: Transport;
  readonly identity: TransportIdentity;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ask: () => Promise<readonly ClusterDescription[]>;
  /** Whether the applied log names this member. */
  readonly isNamed: () => boolean;
}

const AGAIN_MS = 1_000;

export class Introductions implements Transport {
  readonly #options: IntroductionOptions;
  readonly #transport: Transport;
  /** Those the replica wants links to, and those that others spoke of. */
  #wanted: readonly Peer[] = [];
  #introduced: readonly Peer[] = [];
  #again: Scheduled | null = null;
  #stopped = false;
  #waiting = false;

  constructor(options: IntroductionOptions) {
    this.#options = options;
    this.#transport = options.transport;
  }

  start(): void {
    void this.#ask();
  }

  stop(): void {
    this.#stopped = true;
    this.#again?.cancel();
  }

  setPeers(peers: readonly Peer[]): void {
    this.#wanted = peers;
    this.#tell();
  }

  send(to: MemberId, group: number, kind: FrameKind, pieces: readonly Uint8Array[], bulk: boolean): boolean {
    return this.#transport.send(to, group, kind, pieces, bulk);
  }

  flush(): void {
    this.#transport.flush();
  }

  link(peer: MemberId): LinkStatus | null {
    return this.#transport.link(peer);
  }

  close(): Promise<void> {
    this.stop();
    return this.#transport.close();
  }

  async #ask(): Promise<void> {
    const { clock, logger, ask, isNamed } = this.#options;
    if (!isNamed()) {
      try {
        this.#hear(await ask());
      } catch (error) {
        logger.warn({ error: String(error) }, `cannot ask who the members are: ${String(error)}`);
      }
    }
    if (this.#stopped) return;
    if (isNamed()) {
      // From now on the replica knows better.
      this.#introduced = [];
      this.#tell();
      return;
    }
    this.#again = clock.after(AGAIN_MS, () => void this.#ask());
  }

  #hear(answers: readonly ClusterDescription[]): void {
    const { identity, logger } = this.#options;
    const answer = answers.find(({ clusterId }) => clusterId === identity.clusterId);
    if (answer !== undefined) {
      this.#introduced = answer.members
        .filter(({ id }) => id !== identity.memberId)
        .map(({ id, peerUrls }) => ({ id, addresses: peerUrls.map(peerAddress) }));
      if (!this.#stopped) this.#tell();
    } else if (!this.#waiting) {
      this.#waiting = true;
      logger.info({}, "the log does not name this member yet: waiting for a member of --initial-cluster to answer");
    }
  }

  #tell(): void {
    const peers = new Map([...this.#introduced, ...this.#wanted].map((peer) => [peer.id, peer]));
    this.#transport.setPeers([...peers.values()]);
  }
}
