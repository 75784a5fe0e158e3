/**
 * Programs of others that the suites run: clients, load generators. Where one is missing, its tests are skipped with a
 * banner that cannot be overlooked; under `CI=true` a missing one is a failure, because there it was installed.
 */
import { execFile, execFileSync } from "node:child_process";

const TIMEOUT_MS = 60_000;

export interface Program {
  /** What it is, for people: `etcdctl`. */
  readonly name: string;
  /** How to get it: a Debian package. */
  readonly package: string;
  /** A command that ends with 0 exactly if it is there. */
  readonly probe: readonly [string, ...string[]];
}

export const ETCD: Program = { name: "etcd", package: "etcd-server", probe: ["etcd", "--version"] };
export const ETCDCTL: Program = { name: "etcdctl", package: "etcd-client", probe: ["etcdctl", "version"] };
export const H2LOAD: Program = { name: "h2load", package: "nghttp2-client", probe: ["h2load", "--version"] };
/** Debian's own Python: the one that Debian's module is installed for. */
export const PYTHON_ETCD3: Program = {
  name: "python3-etcd3",
  package: "python3-etcd3",
  probe: ["/usr/bin/python3", "-c", "import etcd3"],
};

/** False if `program` is there; else the reason to skip, for node:test's `skip`. Throws under `CI=true`. */
export function missing(program: Program): string | false {
  try {
    const [file, ...args] = program.probe;
    execFileSync(file, args, { stdio: "ignore", timeout: TIMEOUT_MS });
    return false;
  } catch (error) {
    const reason = `${program.name} is missing: apt-get install ${program.package}`;
    if (process.env["CI"] === "true") throw new Error(reason, { cause: error });
    const line = "!".repeat(80);
    console.error(`\n${line}\n!!! SKIPPED, NOT PROVEN: ${reason}\n${line}\n`);
    return reason;
  }
}

/** The first line of what the program says about itself; "not installed" if it is not there. */
export function versionOf(program: Program): string {
  try {
    const [file, ...args] = program.probe;
    return execFileSync(file, args, { encoding: "utf8", timeout: TIMEOUT_MS }).split("\n")[0] ?? "";
  } catch {
    return "not installed";
  }
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Written to its standard input, which is then closed. */
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; any exit code is an outcome, being killed by the time limit is an error. */
export function run(file: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      file,
      [...args],
      {
        env: { ...process.env, ...options.env },
        timeout: options.timeoutMs ?? TIMEOUT_MS,
        maxBuffer: 64 * 1024 * 1024,
        encoding: "utf8",
      },
      (error, stdout, stderr) => {
        if (error !== null && typeof error.code !== "number") {
          reject(new Error(`${file} ${args.join(" ")}: ${error.message}\n${stdout}\n${stderr}`, { cause: error }));
        } else {
          resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
        }
      },
    );
    // A program that ends without reading all of its input is no failure of ours: its exit code says what it was.
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.input ?? "");
  });
}

/** Like `run`, for a program that must succeed: returns what it printed. */
export async function output(file: string, args: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(" ")}: exit code ${code}\n${stdout}\n${stderr}`);
  return stdout;
}
