/**
 * Who has a message, or a line of messages: a key on the holder's lease. Its create revision is the fence: every write for
 * what is held compares it, so that one who lost it can neither acknowledge nor return it.
 */
import type { QuorateError } from "../../errors.ts";
import { deleteOp, isCreatedAt } from "../../kv/requests.ts";
import type { ByteString, Compare, RequestOp } from "../../wire/kv.ts";
import type { Combiner, Step, Stepped } from "../combiner.ts";
import { fenced } from "../errors.ts";

export class Claim {
  readonly key: ByteString;
  readonly fence: number;
  /** For people. */
  readonly what: string;
  readonly #combiner: Combiner;
  readonly #controller = new AbortController();
  readonly #forget: () => void;

  constructor(combiner: Combiner, key: ByteString, fence: number, what: string) {
    this.#combiner = combiner;
    this.key = key;
    this.fence = fence;
    this.what = what;
    this.#forget = combiner.session.onEnd((reason) => this.end(reason));
  }

  /** Aborted when it is held no longer, before anybody else can have it. */
  get signal(): AbortSignal {
    this.#combiner.session.check();
    return this.#controller.signal;
  }

  get held(): boolean {
    return !this.signal.aborted;
  }

  /** Holds as long as nobody else had it. */
  get condition(): Compare {
    return isCreatedAt(this.key, this.fence);
  }

  /** Lets others have it, as part of a step. */
  get release(): RequestOp {
    return deleteOp(this.key);
  }

  /** It is over on this side. */
  end(reason: QuorateError): void {
    this.#forget();
    if (!this.#controller.signal.aborted) this.#controller.abort(reason);
  }

  /** Writes as long as it is held. @throws QuorateError `FENCED` if it is not; then nothing was written */
  async write(step: Step): Promise<Stepped> {
    if (!this.held) throw this.signal.reason;
    const { compare, success, failure } = step.request;
    const request = { compare: [this.condition, ...compare], success, failure };
    const stepped = await this.#combiner.add({ ...step, request });
    if (!stepped.succeeded && compare.length === 0) throw this.lost();
    return stepped;
  }

  /** Ends it, because a write said that it is held no longer. */
  lost(): QuorateError {
    const error = fenced(this.what);
    this.end(error);
    return error;
  }
}
