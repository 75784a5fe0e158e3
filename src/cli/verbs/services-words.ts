/** How words on the command line are read that say something of instances. */
import { InvalidArgumentError } from "commander";

/** For an option that may be given several times. */
export function eachOf(text: string, before: readonly string[] = []): readonly string[] {
  if (text === "") throw new InvalidArgumentError("It must not be empty.");
  return [...before, text];
}

/** `name=value`, several times. */
export function pairsOf(text: string, before: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("It must be name=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** `host:port` or `[host]:port`. */
export function addressOf(text: string): { readonly host: string; readonly port: number } {
  const [, six, four, port = ""] = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = six ?? four;
  if (host === undefined) throw new InvalidArgumentError("It must be host:port, as 127.0.0.1:8080 or [::1]:8080.");
  return { host, port: Number(port) };
}
