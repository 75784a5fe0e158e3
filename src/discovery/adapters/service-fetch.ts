/**
 * `fetch` by the name of a service: `http://shop/cart` goes to an instance of the service "shop", whose name has
 * to be one that a host can have.
 *
 * Made elsewhere when it fails: what certainly did not arrive; and, of methods that may be made twice (RFC 9110, section
 * 9.2.2) or requests with an `Idempotency-Key`, also what broke on the way or was answered with 502, 503 or 504. A body
 * that is a stream can be sent once only. An answer counts as there when its head is; its body is the program's.
 */
import type { Caller, CallerOptions } from "../registry/caller.ts";
import type { Services } from "../registry/services.ts";

/** `fetch`, with the names of services for hosts. */
export interface ServiceFetch extends AsyncDisposable {
  (input: string | URL | Request, init?: RequestInit): Promise<Response>;
  /** Ends its watches. */
  close(): Promise<void>;
}

/** Options of `serviceFetch`: those of the callers it makes, one a service. */
export interface ServiceFetchOptions extends CallerOptions {
  /** What makes the calls; default: `fetch`. */
  readonly fetch?: (input: URL, init: RequestInit) => Promise<Response>;
}

const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);
/** From a proxy or an instance that cannot answer; another may. */
const ELSEWHERE = new Set([502, 503, 504]);

/** An answer that says that another instance should be asked. */
class Refusal extends Error {
  readonly response: Response;

  constructor(response: Response) {
    super(`status ${response.status}`);
    this.response = response;
  }
}

/**
 * @example
 * ```ts
 * await using call = serviceFetch(q.services, { policy: "peakEwma" });
 * const answer = await call("http://shop/cart/42");
 * ```
 */
export function serviceFetch(services: Services, options: ServiceFetchOptions = {}): ServiceFetch {
  const { fetch: make = fetch, ...callerOptions } = options;
  const callers = new Map<string, Caller>();

  function callerOf(service: string): Caller {
    let caller = callers.get(service);
    if (caller === undefined) {
      caller = services.caller(service, callerOptions);
      callers.set(service, caller);
    }
    return caller;
  }

  async function call(input: string | URL | Request, init: RequestInit = {}): Promise<Response> {
    const request = input instanceof Request ? input : null;
    const url = new URL(input instanceof Request ? input.url : input);
    const service = url.hostname;
    const method = (init.method ?? request?.method ?? "GET").toUpperCase();
    const headers = new Headers(init.headers ?? request?.headers);
    const signal = init.signal ?? request?.signal ?? null;
    // Read once, so that it can be sent again.
    const body = init.body !== undefined ? init.body : request?.body ? await request.arrayBuffer() : null;
    // Texts, bytes, forms and parameters are whole.
    const isStream = body !== null && typeof body === "object" && Symbol.asyncIterator in body;
    const idempotent = !isStream && (IDEMPOTENT.has(method) || headers.has("idempotency-key"));
    const plain = { ...(request === null ? {} : { redirect: request.redirect }), ...init, method, headers, body };

    let last: Response | null = null;
    const attempt = async (
      { address, port }: { readonly address: string; readonly port: number },
      { signal: over }: { readonly signal: AbortSignal },
    ): Promise<Response> => {
      await last?.body?.cancel();
      last = null;
      const target = new URL(url);
      target.hostname = address.includes(":") ? `[${address}]` : address;
      target.port = String(port);
      // Nothing aborts `over` once the call is over: for the body, which comes later, only the program's signal counts.
      const signals = signal === null ? over : AbortSignal.any([over, signal]);
      const response = await make(target, { ...plain, signal: signals });
      if (!ELSEWHERE.has(response.status)) return response;
      last = response;
      throw new Refusal(response);
    };
    try {
      const times = isStream ? { attempts: 1 } : {};
      return await callerOf(service).call(attempt, { idempotent, ...times, ...(signal === null ? {} : { signal }) });
    } catch (error) {
      if (error instanceof Refusal) return error.response;
      // As `fetch` has it: the reason that the program gave.
      if (signal?.aborted === true) throw signal.reason;
      throw error;
    }
  }

  async function close(): Promise<void> {
    await Promise.all([...callers.values()].map((caller) => caller.close()));
  }
  return Object.assign(call, { close, [Symbol.asyncDispose]: close });
}
