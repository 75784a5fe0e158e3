import { Backoff } from "../kv/backoff.ts";
import { hasCode, isRetryable, Wait } from "../kv/wait.ts";
import type { CallOptions } from "../store/store.ts";
import type { Session, SessionSource } from "./session.ts";

/**
 * Gets into something in the name of a session. When the session is lost meanwhile, the place is lost with it: `enter`
 * is begun anew, at the end of the line, where there is a new session to do it with.
 *
 * @param enter works within the wait it is given, which ends with the session too
 */
export async function admit<T>(
  source: SessionSource,
  options: CallOptions | undefined,
  enter: (session: Session, wait: Wait) => Promise<T>,
): Promise<T> {
  const { clock, random } = source.store;
  using whole = new Wait(clock, options);
  const backoff = new Backoff(random);
  let session = await source.current(whole.call());
  for (;;) {
    using wait = new Wait(clock, { signal: whole.signal }, session);
    try {
      return await enter(session, wait);
    } catch (error) {
      whole.check();
      if (!source.replaces || session.check()) throw error;
    }
    session = await next(source, whole, backoff);
  }
}

/** The first session's error tells a wrong address from an outage; later ones are waited for. */
async function next(source: SessionSource, whole: Wait, backoff: Backoff): Promise<Session> {
  for (;;) {
    await whole.sleep(backoff.next());
    try {
      return await source.current(whole.call());
    } catch (error) {
      whole.check();
      if (!isRetryable(error) && !hasCode(error, "OUTCOME_UNKNOWN")) throw error;
    }
  }
}
