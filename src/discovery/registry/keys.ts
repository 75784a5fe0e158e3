/**
 * Where services are kept:
 *
 *     service/<name>//instance/<id>   what an instance says of itself, on its session's lease
 *     service/<name>//order/<id>      what somebody else has ordered of it: to drain (until it is registered anew), or
 *                                     maintenance (until that is taken back, also over restarts)
 *
 * The two slashes end the name, so that the keys of "shop" are never among those of "shop/cart".
 */
import { byteStringOfText, textOf } from "../../wire/byte-string.ts";
import type { ByteString } from "../../wire/kv.ts";
import { invalid } from "./errors.ts";

const ALL = "service/";

export type KeyKind = "instance" | "order";

export interface ServiceKey {
  readonly service: string;
  readonly kind: KeyKind;
  readonly id: string;
}

/** The prefix of all keys of all services. */
export const ALL_SERVICES: ByteString = byteStringOfText(ALL);

/**
 * The prefix of all keys of one service.
 * @throws QuorateError `INVALID_ARGUMENT` if a name is empty, ends with a slash, or has two of them in a row
 */
export function servicePrefix(service: string): ByteString {
  if (typeof service !== "string" || service === "" || service.endsWith("/") || service.includes("//")) {
    throw invalid(
      `${JSON.stringify(service)} cannot name a service: give a text that is not empty, has no "//" and no "/" at its end`,
    );
  }
  return byteStringOfText(`${ALL}${service}//`);
}

/** @throws QuorateError `INVALID_ARGUMENT` if the id is empty, or the service's name is none */
export function serviceKey({ service, kind, id }: ServiceKey): ByteString {
  if (typeof id !== "string" || id === "") {
    throw invalid(`an instance of service ${JSON.stringify(service)} needs an id that is a text, and not empty`);
  }
  return servicePrefix(service) + byteStringOfText(`${kind}/${id}`);
}

/** Null: no key of a service. */
export function parseServiceKey(key: ByteString): ServiceKey | null {
  const text = textOf(key);
  const match = /^service\/(.+?)\/\/(instance|order)\/(.+)$/s.exec(text);
  if (match === null) return null;
  const [, service = "", kind, id = ""] = match;
  return { service, kind: kind as KeyKind, id };
}
