import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { crc32 as hostCrc32 } from "node:zlib";
import type { Environment, MemberId } from "../../src/environment.ts";
import { nodeClock } from "../../src/node/clock.ts";
import { nodeNetwork } from "../../src/node/network.ts";
import { createTransport, type PeerTransport } from "../../src/transport/links.ts";
import { recordingLogger, seededRandom } from "../../src/transport/testing/member.ts";
import { FrameKind } from "../../src/transport/transport.ts";

interface Waiting {
  readonly transport: PeerTransport;
  readonly received: Uint8Array[];
  /** Resolves at the next event for which `is` holds. */
  until(is: () => boolean): Promise<void>;
}

async function member(memberId: MemberId): Promise<Waiting> {
  const received: Uint8Array[] = [];
  const waiters = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of waiters) waiter();
  };
  const environment: Pick<Environment, "clock" | "random" | "network" | "logger"> = {
    clock: nodeClock,
    network: nodeNetwork,
    random: seededRandom(Number(memberId)),
    logger: recordingLogger([]),
  };
  const transport = await createTransport({
    environment,
    identity: { clusterId: 5n, memberId },
    listenAddresses: [{ host: "127.0.0.1", port: 0 }],
    checksum: hostCrc32,
    events: {
      frame: (_from, _group, _kind, payload) => {
        received.push(payload);
        wake();
      },
      linkUp: wake,
      linkLost: wake,
    },
  });
  return {
    transport,
    received,
    until: (is) =>
      new Promise((resolve) => {
        const waiter = (): void => {
          if (!is()) return;
          waiters.delete(waiter);
          resolve();
        };
        waiters.add(waiter);
        waiter();
      }),
  };
}

suite("transport over loopback", { timeout: 20_000 }, () => {
  test("thousands of frames of all sizes arrive in order, each way, and a lost link comes back", async () => {
    const a = await member(1n);
    const b = await member(2n);
    // The clock's timers do not keep a process alive.
    const keepAlive = setInterval(() => undefined, 1000);
    a.transport.setPeers([{ id: 2n, addresses: b.transport.addresses }]);
    b.transport.setPeers([{ id: 1n, addresses: a.transport.addresses }]);
    await a.until(() => a.transport.link(2n)?.connected === true);
    await b.until(() => b.transport.link(1n)?.connected === true);

    const count = 3000;
    const payload = (i: number): Uint8Array => new Uint8Array(i % 100 === 0 ? 100_000 : i % 700).fill(i);
    for (let i = 0; i < count; i++) {
      assert.equal(a.transport.send(2n, 1, FrameKind.engine, [payload(i)], false), true);
      assert.equal(b.transport.send(1n, 1, FrameKind.engine, [payload(i)], false), true);
      if (i % 50 === 49) {
        a.transport.flush();
        b.transport.flush();
      }
    }
    await a.until(() => a.received.length === count);
    await b.until(() => b.received.length === count);
    for (const side of [a, b]) {
      side.received.forEach((got, i) => {
        if (Buffer.compare(got, payload(i)) !== 0) assert.fail(`frame ${i} is not what was sent`);
      });
    }

    // The peer goes and returns at the same address.
    const [address] = b.transport.addresses;
    assert.ok(address);
    await b.transport.close();
    await a.until(() => a.transport.link(2n)?.connected === false);
    const again = await createTransport({
      environment: { clock: nodeClock, network: nodeNetwork, random: seededRandom(9), logger: recordingLogger([]) },
      identity: { clusterId: 5n, memberId: 2n },
      listenAddresses: [address],
      events: { frame: () => undefined, linkUp: () => undefined, linkLost: () => undefined },
    });
    await a.until(() => a.transport.link(2n)?.connected === true);
    await again.close();
    await a.transport.close();
    clearInterval(keepAlive);
  });
});
