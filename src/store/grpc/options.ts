import { storeErrors } from "../errors.ts";

/** PEM texts, as they stand in files. */
export interface TlsOptions {
  /** Whom to trust. Default: the certificate authorities that Node trusts. */
  readonly ca?: string | Uint8Array;
  /** Who this client is, for servers that ask; `cert` and `key` only together. */
  readonly cert?: string | Uint8Array;
  readonly key?: string | Uint8Array;
  /** The name that the server's certificate must have, if it is not the endpoint's host. */
  readonly serverName?: string;
  /**
   * Takes any certificate: for tests and first aid, since whoever sits between can read and change everything. Default
   * false.
   */
  readonly insecureSkipVerify?: boolean;
}

/** How connections are made and watched, and how much goes through them at once. */
export interface GrpcOptions {
  /** Given: `host:port` and `https://` are encrypted so; without it `https://` is, trusting whom Node trusts. */
  readonly tls?: TlsOptions;
  /**
   * A connection with calls under way on which nothing came for this long is asked whether it stands, ms. Default 10,000;
   * etcd ends connections that are asked more often than every 5 s.
   */
  readonly keepaliveTimeMs?: number;
  /** It is given up when there is no answer for this long, ms. Default 5000. */
  readonly keepaliveTimeoutMs?: number;
  /** Default 64 MiB. */
  readonly maxResponseBytes?: number;
  /** Default 16 MiB; members take less (1.5 MiB, unless they are told otherwise). */
  readonly maxRequestBytes?: number;
}

/** The same, checked and whole. */
export type GrpcSettings = Required<Omit<GrpcOptions, "tls">> & { readonly tls: TlsOptions | null };

const LONGEST_MS = 2 ** 31 - 1;

/** @throws QuorateError INVALID_ARGUMENT naming the option that cannot be used */
export function grpcSettings(options: GrpcOptions): GrpcSettings {
  const {
    keepaliveTimeMs = 10_000,
    keepaliveTimeoutMs = 5_000,
    maxResponseBytes = 64 << 20,
    maxRequestBytes = 16 << 20,
  } = options;
  for (const [name, value] of Object.entries({
    keepaliveTimeMs,
    keepaliveTimeoutMs,
    maxResponseBytes,
    maxRequestBytes,
  })) {
    if (!(value > 0 && value <= LONGEST_MS)) {
      throw storeErrors.invalidArgument(`${name} is ${String(value)}: give a number above 0, at most 2^31 - 1`);
    }
  }
  const tls = options.tls ?? null;
  if (tls !== null && (tls.cert === undefined) !== (tls.key === undefined)) {
    throw storeErrors.invalidArgument("tls has only one of cert and key: give both, or none");
  }
  return { tls, keepaliveTimeMs, keepaliveTimeoutMs, maxResponseBytes, maxRequestBytes };
}
