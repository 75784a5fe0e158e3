/** Names of queues and tasks, as parts of keys. */
import { byteStringOfText } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { invalid } from "./errors.ts";

/**
 * The prefix of all keys of one queue: `queue/mail//`. Two slashes end the name, as with recipes, so that the keys of
 * "mail" are never among those of "mail/bounced".
 * @throws QuorateError `INVALID_ARGUMENT` if a name is empty, ends with a slash, or has two of them in a row
 */
export function workPrefix(kind: string, name: string): ByteString {
  if (typeof name !== "string" || name === "" || name.endsWith("/") || name.includes("//")) {
    throw invalid(
      `${JSON.stringify(name)} cannot name a ${kind}: give a text that is not empty, has no "//" and no "/" at its end`,
    );
  }
  return byteStringOfText(`${kind}/${name}//`);
}

/** What a program calls something, as one part of a key: without slashes, ASCII. @throws QuorateError `INVALID_ARGUMENT` */
export function keyPart(text: string, what: string): ByteString {
  const wrong = `${what} is ${JSON.stringify(text)}: give a text of 1 to ${LONGEST_PART} characters`;
  if (typeof text !== "string" || text === "" || text.length > LONGEST_PART) throw invalid(wrong);
  try {
    return encodeURIComponent(text);
  } catch {
    // Half of a surrogate pair.
    throw invalid(wrong);
  }
}

/** `keyPart` undone. */
export function textOfPart(part: ByteString): string {
  return decodeURIComponent(part);
}

const LONGEST_PART = 512;
/** Something with a name, for people: `queue "mail"`. */
export function described(kind: string, name: string): string {
  return `${kind} ${JSON.stringify(name)}`;
}
