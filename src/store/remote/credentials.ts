import { GrpcStatus, type QuorateError } from "../../errors.ts";
import { authenticate } from "../../wire/methods.ts";
import { CallFailure } from "../channel.ts";
import { storeErrors } from "../errors.ts";
import type { Limit } from "./limit.ts";
import type { Connected } from "./member.ts";
import type { UserCredentials } from "./options.ts";

/**
 * Who this store is, for clusters that ask: a user's name and password, exchanged for a token that all calls carry.
 * A token ends (etcd's simple ones after five minutes without use, at each member by itself): when a member does not
 * take it any more it is exchanged anew, once for all calls that wait for it.
 *
 * A cluster without authentication takes everybody: no token is sent then.
 */
export class Credentials {
  readonly #user: UserCredentials | null;
  /** "": none is needed, or there is no user. */
  #token: string | null;
  #exchange: Promise<string> | null = null;

  constructor(user: UserCredentials | null) {
    this.#user = user;
    this.#token = user === null ? "" : null;
  }

  /** What was exchanged last; null: nothing yet, or it is not taken any more. */
  get token(): string | null {
    return this.#token;
  }

  get hasUser(): boolean {
    return this.#user !== null;
  }

  /**
   * The token to send to any member; `connected` is asked if there is none.
   * @throws QuorateError UNAUTHENTICATED if the user or its password is wrong; CallFailure if the exchange failed
   */
  async tokenFor(connected: Pick<Connected, "channel">, limit: Pick<Limit, "race">): Promise<string> {
    return this.#token ?? (await limit.race(this.#exchanged(connected)));
  }

  /** A member does not take this one. @throws QuorateError UNAUTHENTICATED if there is no user to get another for */
  refused(token: string, failure: QuorateError): void {
    if (this.#user === null) {
      throw storeErrors.unauthenticated(
        `the cluster asks who calls (${failure.message}): give user and password`,
        failure,
      );
    }
    if (this.#token === token) this.#token = null;
  }

  #exchanged(connected: Pick<Connected, "channel">): Promise<string> {
    this.#exchange ??= this.#ask(connected).finally(() => {
      this.#exchange = null;
    });
    return this.#exchange;
  }

  async #ask({ channel }: Pick<Connected, "channel">): Promise<string> {
    const user = this.#user as UserCredentials;
    try {
      const { token } = await channel.call(authenticate, user, { timeoutMs: EXCHANGE_MS });
      this.#token = token;
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      if (error.code === "AUTH_NOT_ENABLED") this.#token = "";
      else if (isRefusal(error))
        throw storeErrors.unauthenticated(`user ${JSON.stringify(user.name)}: ${error.message}`, error);
      else throw error;
    }
    return this.#token;
  }
}

/** An exchange serves all calls that wait for it, so it has a time of its own, ms. */
const EXCHANGE_MS = 5_000;

/** Beside its own text for a wrong password, etcd sends raw ones as of unknown status: `auth: ...`. */
function isRefusal(failure: CallFailure): boolean {
  return (
    failure.code === "AUTH_FAILED" ||
    failure.code === "USER_NOT_FOUND" ||
    failure.status === GrpcStatus.unauthenticated ||
    failure.status === GrpcStatus.permissionDenied ||
    failure.message.startsWith("auth: ")
  );
}
