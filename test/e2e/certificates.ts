/** Certificates for tests, made with openssl: an authority, and what it signs. */
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export class Authority implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async found(): Promise<Authority> {
    const authority = new Authority(await mkdtemp(join(tmpdir(), "quorate-certificates-")));
    const { cert, key } = authority.#files("authority");
    const subject = ["-subj", "/CN=Test authority", "-days", "2", "-addext", "basicConstraints=critical,CA:TRUE"];
    await run("openssl", ["req", "-x509", ...NEW_KEY, "-keyout", key, "-out", cert, ...subject]);
    return authority;
  }

  /** Whom to trust: a PEM file. */
  get cacert(): string {
    return this.#files("authority").cert;
  }

  /**
   * For a server and for a client.
   * @param name what the certificate says of its owner
   * @param hosts what it is good for as a server, in openssl's words
   */
  async sign(name: string, hosts = "IP:127.0.0.1"): Promise<Certificate> {
    const { cert, key } = this.#files(name);
    const request = join(this.#folder, `${name}.csr`);
    const extensions = join(this.#folder, `${name}.ext`);
    await writeFile(extensions, `subjectAltName=${hosts}\nextendedKeyUsage=serverAuth,clientAuth\n`);
    await run("openssl", ["req", ...NEW_KEY, "-keyout", key, "-out", request, "-subj", `/CN=${name}`]);
    const { cert: ca, key: caKey } = this.#files("authority");
    const by = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-extfile", extensions, "-days", "2"];
    await run("openssl", ["x509", "-req", "-in", request, ...by, "-out", cert]);
    return { cert, key };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#folder, { recursive: true });
  }

  #files(name: string): Certificate {
    return { cert: join(this.#folder, `${name}.pem`), key: join(this.#folder, `${name}.key`) };
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
