/** Where a setting of `serve` comes from: flag, else environment, else file. Unknown ones are refused by name. */
import { clientVariables } from "../client-settings.ts";
import { usageError } from "../failure.ts";
import { parseConfigFile } from "./config-file.ts";
import { CONFIG_FILE_FLAG, type FlagName, flagNamed, flags, unsupportedReason, variableOf } from "./flags.ts";

/** A setting as it was written. */
export interface Setting {
  readonly text: string;
  /** What the user has to change: `--name`, `QUORATE_NAME`, `quorate.yaml:3: name`. */
  readonly source: string;
}

export type Settings = ReadonlyMap<FlagName, Setting>;

export interface SettingSources {
  /** Flags as given, by name without dashes, `config-file` included. */
  readonly flags: ReadonlyMap<string, string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Reads the file named by --config-file. */
  readFile(path: string): string;
}

/** @throws usageError naming the first setting that is unknown or not supported */
export function collectSettings(sources: SettingSources): Settings {
  const settings = new Map<FlagName, Setting>();
  const take = (name: string, text: string, source: string, shown: string): void => {
    const flag = flags.find((one) => one.name === name);
    if (flag !== undefined) {
      if (!settings.has(flag.name)) settings.set(flag.name, { text, source });
      return;
    }
    const reason = unsupportedReason(name);
    if (reason !== null) throw usageError(`${shown}: ${reason}`);
    throw usageError(`${shown} is unknown: ${nearest(name)}`);
  };

  for (const [name, text] of sources.flags) {
    if (name !== CONFIG_FILE_FLAG)
      take(name, text, `--${name}`, `--${name}${text === "" ? "" : ` ${JSON.stringify(text)}`}`);
  }
  for (const [variable, text] of Object.entries(sources.env)) {
    // An empty variable counts as not set, as in etcd.
    if (!variable.startsWith("QUORATE_") || text === undefined || text === "" || isForeign(variable)) continue;
    take(nameOf(variable), text, variable, `environment variable ${variable}`);
  }
  const path = sources.flags.get(CONFIG_FILE_FLAG) ?? (sources.env[variableOf(CONFIG_FILE_FLAG)] || undefined);
  if (path !== undefined) {
    for (const { name, value, line } of parseConfigFile(path, sources.readFile(path))) {
      const where = `${path}${line === 0 ? "" : `:${line}`}: ${name}`;
      take(name, value, where, where);
    }
  }
  return settings;
}

/** `QUORATE_LISTEN_CLIENT_URLS` → `listen-client-urls`. */
function nameOf(variable: string): string {
  return variable.slice("QUORATE_".length).toLowerCase().replaceAll("_", "-");
}

/**
 * Variables that are not for `serve`: those of client verbs and of the project's own tests, and those that Kubernetes
 * puts into each container when a service is called "quorate".
 */
function isForeign(variable: string): boolean {
  if (variable === variableOf(CONFIG_FILE_FLAG) || clientVariables.includes(variable)) return true;
  if (variable.startsWith("QUORATE_TEST_")) return true;
  return /^QUORATE_(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_.+)?|PORT|PORT_\d+_(?:TCP|UDP|SCTP)(?:_.+)?)$/.test(
    variable,
  );
}

/** What to do about an unknown name: the closest one that exists, if one is close. */
function nearest(name: string): string {
  const known = flags.map((flag) => flag.name);
  const best = known
    .map((one) => ({ one, distance: editDistance(name, one) }))
    .sort((a, b) => a.distance - b.distance)[0];
  const close =
    best !== undefined && best.distance <= Math.max(2, name.length / 4) && flagNamed(best.one) !== undefined;
  return close ? `did you mean ${best.one}?` : "see quorate serve --help for all settings";
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
