/** A transport with a record of what it told its owner. For tests only. */
import { SeededRandom } from "../../consensus/random.ts";
import type { Address, Environment, GroupId, Logger, MemberId, Random } from "../../environment.ts";
import { VirtualRandom } from "../../virtual/random.ts";
import type { TransportLimits } from "../limits.ts";
import { createTransport, type PeerTransport } from "../links.ts";
import type { FrameKind, Peer } from "../transport.ts";

export interface RecordedFrame {
  readonly from: MemberId;
  readonly group: GroupId;
  readonly kind: FrameKind;
  readonly text: string;
}

export interface TestMember {
  readonly id: MemberId;
  readonly transport: PeerTransport;
  readonly address: Address;
  readonly frames: RecordedFrame[];
  /** "up 2", "lost 2: reason", in order. */
  readonly events: string[];
  readonly log: string[];
}

/** A repeatable source of chance. */
export function seededRandom(seed: number): Random {
  return new VirtualRandom(new SeededRandom(seed));
}

export function recordingLogger(lines: string[]): Logger {
  const record =
    (level: string) =>
    (_fields: unknown, message: string): void => {
      lines.push(`${level} ${message}`);
    };
  return { debug: record("debug"), info: record("info"), warn: record("warn"), error: record("error") };
}

export interface TestMemberOptions {
  readonly id: MemberId;
  readonly clusterId?: bigint;
  /** Default: a port that is the member's own, 7000 plus its id. */
  readonly port?: number;
  readonly limits?: Partial<TransportLimits>;
  readonly seed?: number;
  readonly describe?: () => Uint8Array;
}

export function peer(id: MemberId, ...ports: number[]): Peer {
  const addresses = (ports.length === 0 ? [portOf(id)] : ports).map(addressOf);
  return { id, addresses };
}

export function portOf(id: MemberId): number {
  return 7000 + Number(id);
}

/** The host that a port belongs to: m2 for 7002, 7102 and so on. */
export function hostOf(port: number): string {
  return `m${port % 100}`;
}

export function addressOf(port: number): Address {
  return { host: hostOf(port), port };
}

/** @param environmentAt what a new process has on the host that a port belongs to. */
export async function startMember(
  environmentAt: (port: number) => Pick<Environment, "clock" | "network">,
  options: TestMemberOptions,
): Promise<TestMember> {
  const { id } = options;
  const address = addressOf(options.port ?? portOf(id));
  const frames: RecordedFrame[] = [];
  const events: string[] = [];
  const log: string[] = [];
  const transport = await createTransport({
    environment: {
      ...environmentAt(address.port),
      random: seededRandom(options.seed ?? Number(id)),
      logger: recordingLogger(log),
    },
    identity: { clusterId: options.clusterId ?? 0xc1n, memberId: id },
    listenAddresses: [address],
    limits: options.limits ?? {},
    ...(options.describe === undefined ? {} : { describe: options.describe }),
    events: {
      frame: (from, group, kind, payload) => {
        frames.push({ from, group, kind, text: new TextDecoder().decode(payload) });
      },
      linkUp: (to) => events.push(`up ${to}`),
      linkLost: (to, reason) => events.push(`lost ${to}: ${reason.message}`),
    },
  });
  return { id, transport, address, frames, events, log };
}

/** A text as a frame's pieces. */
export function text(value: string): Uint8Array[] {
  return [new TextEncoder().encode(value)];
}
