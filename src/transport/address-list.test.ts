import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import type { Address } from "../environment.ts";
import { decodeAddresses, encodeAddresses, MAX_ADDRESSES } from "./address-list.ts";
import { crc32 } from "./checksum.ts";
import { decodeHello, encodeHello, GreetingReader, type Hello } from "./handshake.ts";

const anyAddress: fc.Arbitrary<Address> = fc.record(
  {
    host: fc.oneof(
      fc.domain().map((name) => name.toLowerCase()),
      fc.ipV4().filter((ip) => ip !== "0.0.0.0"),
      fc.ipV6().filter((ip) => !/^[0:.]+$/.test(ip)),
    ),
    port: fc.integer({ min: 1, max: 65_535 }),
  },
  { noNullPrototype: true },
);
const room = 1_000;
const hello: Hello = { oldestVersion: 1, newestVersion: 1, clusterId: 0xc1n, from: 1n, to: 2n, nonce: 0x11n };

function at(host: string, port = 2380): Address {
  return { host, port };
}

function bodyOf(greeting: Uint8Array): Uint8Array {
  const progress = new GreetingReader(crc32).push(greeting);
  assert.ok(progress.is === "complete");
  return progress.body;
}

suite("addresses in a hello", () => {
  test("are read as they were written, whatever a later version puts behind them", () => {
    fc.assert(
      fc.property(
        fc.array(anyAddress, { minLength: 1, maxLength: 3 }),
        fc.uint8Array({ maxLength: 9 }),
        (told, later) => {
          assert.deepEqual(decodeAddresses(Buffer.concat([encodeAddresses(told, room), later])), told);
        },
      ),
    );
  });

  test("are not told where they lead nowhere", () => {
    const useless = [at("0.0.0.0"), at("::"), at(""), at("a b"), at("h\u00f6st"), at("x", 0), at("x", 65_536)];
    assert.equal(encodeAddresses(useless, room).length, 0);
    assert.deepEqual(decodeAddresses(encodeAddresses([...useless, at("m1")], room)), [at("m1")]);
  });

  test("are bounded in number and size on the way out", () => {
    const many = Array.from({ length: 20 }, (_, i) => at(`m${i}`));
    assert.deepEqual(decodeAddresses(encodeAddresses(many, room)), many.slice(0, MAX_ADDRESSES));
    const long = Array.from({ length: MAX_ADDRESSES }, (_, i) => at(`${i}${"x".repeat(252)}`));
    const bytes = encodeHello({ ...hello, addresses: long }, crc32);
    assert.deepEqual(
      decodeHello(bodyOf(bytes))?.addresses,
      long.slice(0, 3),
      "an older reader takes 1024 bytes at most",
    );
  });

  test("are checked on the way in", () => {
    const raw = (count: number, ...hosts: [number, string][]): Uint8Array => {
      const pieces = hosts.map(([port, host]) => [port & 0xff, port >> 8, host.length, ...Buffer.from(host, "latin1")]);
      return Uint8Array.from([count, ...pieces.flat()]);
    };
    const good: [number, string] = [2380, "m1"];
    assert.deepEqual(decodeAddresses(raw(1, good)), [at("m1")]);
    assert.deepEqual(decodeAddresses(raw(9, ...Array.from({ length: 9 }, () => good))), [], "more than are allowed");
    assert.deepEqual(decodeAddresses(raw(2, good)), [], "fewer than announced");
    assert.deepEqual(decodeAddresses(raw(1, good).subarray(0, 5)), [], "cut off");
    const bad: [number, string][] = [
      [0, "m1"],
      [1, ""],
      [1, "0.0.0.0"],
      [1, "a b"],
      [1, "\u001b[31m"],
      [1, "m/1"],
    ];
    assert.deepEqual(decodeAddresses(raw(7, ...bad, good)), [at("m1")], "no addresses are left out");
  });

  test("any bytes are survived", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        for (const { host, port } of decodeAddresses(noise)) {
          assert.match(host, /^[\w.:%-]{1,253}$/);
          assert.ok(port > 0 && port < 65_536);
        }
      }),
    );
  });

  test("are passed over by a reader that does not know them, and may be missing", () => {
    const bare = bodyOf(encodeHello(hello, crc32));
    const told = bodyOf(encodeHello({ ...hello, addresses: [at("m1")] }, crc32));
    assert.deepEqual(told.subarray(0, bare.length), bare);
    assert.deepEqual(decodeHello(bare), hello);
    assert.deepEqual(decodeHello(bare.subarray(0, 36)), hello, "as a version wrote it that did not know of them");
    assert.deepEqual(decodeHello(told), { ...hello, addresses: [at("m1")] });
    const back = { ...hello, inReturn: true, addresses: [at("m1")] };
    assert.deepEqual(decodeHello(bodyOf(encodeHello(back, crc32))), back);
  });
});
