/**
 * A question that needs no membership: which cluster is behind this address, and who is in it? A member that wants to
 * join, or that starts from an empty disk, asks it before it has an identity of its own.
 *
 *     question  a hello from member 0 (handshake.ts)
 *     answer    { answer with code `described`, u32 length, description, u32 crc of the description }
 *
 * What a description says is its owner's matter; here it is bytes.
 */
import type { Address, Connection, Environment } from "../environment.ts";
import { GrpcStatus, QuorateError } from "../errors.ts";
import { type Checksum, crc32 } from "./checksum.ts";
import { AnswerCode, decodeAnswer, encodeHello, GreetingReader, type Hello, PROTOCOL_VERSION } from "./handshake.ts";

/** The longest description that is asked for or given. */
export const MAX_DESCRIPTION_BYTES: number = 1 << 20;
const LENGTH_BYTES = 4;
const CRC_BYTES = 4;

export function isInquiry(hello: Hello): boolean {
  return hello.from === 0n;
}

/** What follows the answer. */
export function encodeDescribed(description: Uint8Array, checksum: Checksum): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES + description.length + CRC_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, description.length, true);
  bytes.set(description, LENGTH_BYTES);
  view.setUint32(LENGTH_BYTES + description.length, checksum(description, 0), true);
  return bytes;
}

/**
 * Asks who is behind an address.
 * @throws QuorateError INQUIRY if nobody answers in time, or not as a member does.
 */
export async function inquire(
  { network, clock, random }: Pick<Environment, "network" | "clock" | "random">,
  address: Address,
  timeoutMs: number,
  checksum: Checksum = crc32,
): Promise<Uint8Array> {
  const where = `${address.host}:${address.port}`;
  const connection = await network.connect(address, timeoutMs);
  return await new Promise<Uint8Array>((resolve, reject) => {
    const fail = (problem: string): void => {
      timer.cancel();
      connection.destroy();
      reject(
        new QuorateError("INQUIRY", GrpcStatus.unavailable, `${where} does not say which cluster it is: ${problem}`),
      );
    };
    const timer = clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`));
    connection.onClose((reason) => fail(reason?.message ?? "it closed the connection"));
    read(connection, checksum, fail, (description) => {
      timer.cancel();
      connection.destroy();
      resolve(description);
    });
    const hello = {
      oldestVersion: PROTOCOL_VERSION.oldest,
      newestVersion: PROTOCOL_VERSION.newest,
      clusterId: 0n,
      from: 0n,
      to: 0n,
      nonce: random.uint64(),
    };
    connection.write([encodeHello(hello, checksum)]);
  });
}

function read(
  connection: Connection,
  checksum: Checksum,
  fail: (problem: string) => void,
  done: (description: Uint8Array) => void,
): void {
  const greeting = new GreetingReader(checksum);
  let described: Uint8Array | null = null;
  connection.onData((chunk) => {
    let more = chunk;
    if (described === null) {
      const progress = greeting.push(chunk);
      if (progress.is === "incomplete") return;
      if (progress.is === "foreign") return fail(progress.problem);
      const answer = decodeAnswer(progress.body);
      if (answer?.code !== AnswerCode.described) return fail(answer?.reason ?? "its answer is too short");
      described = new Uint8Array(0);
      more = progress.rest;
    }
    const bytes = new Uint8Array(described.length + more.length);
    bytes.set(described);
    bytes.set(more, described.length);
    described = bytes;
    if (bytes.length < LENGTH_BYTES) return;
    const view = new DataView(bytes.buffer);
    const length = view.getUint32(0, true);
    if (length > MAX_DESCRIPTION_BYTES) return fail(`its description has ${length} bytes`);
    if (bytes.length < LENGTH_BYTES + length + CRC_BYTES) return;
    const description = bytes.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
    if (checksum(description, 0) !== view.getUint32(LENGTH_BYTES + length, true))
      return fail("its description is damaged");
    done(description);
  });
}
