import { byteStringOfText } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { invalid } from "./errors.ts";

/**
 * The prefix of all keys of one recipe: `lock/invoice/42//`. The two slashes end the name, so that the keys of "invoice"
 * are never among those of "invoice/42", nor the other way round (etcd's own locks lack that). `etcdctl lock` adds the
 * last slash by itself: `etcdctl lock lock/invoice/42/`.
 *
 * @throws QuorateError `INVALID_ARGUMENT` if a name is empty, ends with a slash, or has two of them in a row
 */
export function recipePrefix(kind: string, name: string): ByteString {
  if (typeof name !== "string" || name === "" || name.endsWith("/") || name.includes("//")) {
    throw invalid(
      `${JSON.stringify(name)} cannot name a ${kind}: give a text that is not empty, has no "//" and no "/" at its end`,
    );
  }
  return byteStringOfText(`${kind}/${name}//`);
}

/** A recipe for people: `lock "invoice/42"`. */
export function described(kind: string, name: string): string {
  return `${kind} ${JSON.stringify(name)}`;
}
