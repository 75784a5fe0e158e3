/** Where a command reads from and writes to; tests put their own in place of the process's. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  /** Results. Strings are written as UTF-8, bytes as they are. */
  out(text: string | Uint8Array): void;
  /** Notes and errors. */
  err(text: string): void;
  /** Whether `out` reaches a person's screen, so that colours make sense. */
  readonly isTTY: boolean;
}

/** The process's own streams. A reader that went away (`quorate get … | head`) ends the process quietly. */
export function processTerminal(): Terminal {
  const quietOnClosedPipe = (error: Error & { code?: string }): void => {
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  };
  process.stdout.on("error", quietOnClosedPipe);
  process.stderr.on("error", quietOnClosedPipe);
  return {
    env: process.env,
    // Not touched before it is read: a command that this one runs may have it for itself.
    get stdin() {
      return process.stdin;
    },
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTTY: process.stdout.isTTY === true && process.env["NO_COLOR"] === undefined,
  };
}

/** Everything on standard input. */
export async function readAll(terminal: Terminal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of terminal.stdin)
    chunks.push(typeof chunk === "string" ? Buffer.from(chunk) : Buffer.from(chunk));
  return Buffer.concat(chunks);
}
