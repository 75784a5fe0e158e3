import { nodeClock } from "../../node/clock.ts";
import { nodeRandom } from "../../node/random.ts";
import type { Channel, Dialler } from "../../store/channel.ts";
import { nodeDiagnostics } from "../../store/node-diagnostics.ts";
import type { RemoteLimits } from "../../store/remote/options.ts";
import { RemoteStore } from "../../store/remote/remote-store.ts";
import { attentiveClock } from "./attentive-clock.ts";
import type { MemberThread } from "./member-thread.ts";
import { PortChannel } from "./port-channel.ts";

/**
 * A store in a member of this very process: all that a remote store promises, over one channel that lasts as long as the
 * member. When it ends, so does the store, with the reason.
 */
export class EmbeddedStore extends RemoteStore {
  readonly #thread: MemberThread;
  readonly #channel: PortChannel;
  #closing: Promise<void> | null = null;

  /** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
  constructor(thread: MemberThread, limits: Partial<RemoteLimits>) {
    const port = thread.calls;
    const channel = new PortChannel(`embedded:${thread.dataDir}`, port, nodeClock);
    port.unref();
    super({
      diagnostics: nodeDiagnostics,
      ...limits,
      diallers: [diallerOf(channel)],
      clock: attentiveClock(nodeClock, () => channel.hear()),
      random: nodeRandom(),
      busy: (isBusy) => (isBusy ? port.ref() : port.unref()),
    });
    this.#thread = thread;
    this.#channel = channel;
    thread.onFailed((reason) => {
      this.fail(reason);
      channel.lose(reason);
    });
  }

  override close(): Promise<void> {
    this.#closing ??= (async () => {
      await super.close();
      this.#channel.close();
      await this.#thread.stop();
    })();
    return this.#closing;
  }
}

function diallerOf(channel: Channel): Dialler {
  return {
    endpoint: channel.endpoint,
    dial: async (_timeoutMs, signal) => {
      if (signal?.aborted === true) throw new Error("given up");
      return channel;
    },
  };
}
