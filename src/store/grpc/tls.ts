import { isIP } from "node:net";
import { type ConnectionOptions, connect, createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { storeErrors } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import type { TlsOptions } from "./options.ts";

/** How connections to one endpoint are encrypted. */
export interface Encryption {
  readonly context: SecureContext;
  /** The name that the server's certificate must have; undefined: the endpoint's address. */
  readonly serverName: string | undefined;
  readonly insecureSkipVerify: boolean;
}

/** @throws QuorateError INVALID_ARGUMENT for certificates and keys that cannot be read */
export function encryptionOf({ ca, cert, key, serverName, insecureSkipVerify = false }: TlsOptions): Encryption {
  const pem = (text: string | Uint8Array | undefined): string | undefined =>
    typeof text === "object" ? new TextDecoder().decode(text) : text;
  try {
    const context = createSecureContext({ ca: pem(ca), cert: pem(cert), key: pem(key), minVersion: "TLSv1.2" });
    return { context, serverName, insecureSkipVerify };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw storeErrors.invalidArgument(`tls cannot be used: ${why}: give ca, cert and key as PEM texts`);
  }
}

/** Begins to connect; says `secureConnect` when the server has proved who it is. */
export function connectEncrypted({ host, port }: Endpoint, encryption: Encryption): TLSSocket {
  const { context, serverName, insecureSkipVerify } = encryption;
  // TLS forbids to announce an address as a name; without one Node checks the certificate against the address itself.
  const name = serverName ?? (isIP(host) === 0 ? host : undefined);
  const verification: ConnectionOptions = insecureSkipVerify
    ? { rejectUnauthorized: false, checkServerIdentity: () => undefined }
    : {};
  return connect({
    host,
    port,
    secureContext: context,
    ALPNProtocols: ["h2"],
    ...(name === undefined ? {} : { servername: name }),
    ...verification,
  });
}
