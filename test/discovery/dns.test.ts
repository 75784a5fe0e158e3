/** DNS answers, asked for by Node's own resolver and by hand. */
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { after, describe, test } from "node:test";
import dnsPacket, { type Packet } from "dns-packet";
import { type DnsOptions, type DnsServer, serveDns } from "../../src/discovery/dns/serve-dns.ts";
import type { Services } from "../../src/discovery/registry/services.ts";
import { eventually as within } from "../support/eventually.ts";
import { realServices } from "./real-time.ts";

/** Load may make it slow; nothing here measures time. */
const eventually = (what: string, check: () => Promise<void>): Promise<void> =>
  within(what, check, { withinMs: 20_000 });

interface Setting {
  readonly services: Services;
  readonly dns: DnsServer;
  readonly resolver: Resolver;
}

async function setting(options: DnsOptions = {}): Promise<Setting> {
  const services = realServices();
  const dns = await serveDns(services, options);
  after(() => dns.close());
  const resolver = new Resolver({ timeout: 5_000, tries: 2 });
  resolver.setServers([`${dns.address.host}:${dns.address.port}`]);
  // Until it has heard of services.
  await eventually("it answers", async () => assert.equal((await ask(dns, "quorate", "SOA")).rcode, "NOERROR"));
  return { services, dns, resolver };
}

async function exchange({ address }: DnsServer, bytes: Buffer): Promise<Packet> {
  const socket = createSocket("udp4");
  try {
    socket.send(bytes, address.port, address.host);
    const [answered] = (await once(socket, "message", { signal: AbortSignal.timeout(10_000) })) as [Buffer];
    return dnsPacket.decode(answered);
  } finally {
    socket.close();
  }
}

const query = (name: string, type: string, more: Partial<Packet> = {}): Buffer =>
  dnsPacket.encode({ type: "query", id: 7, questions: [{ name, type }], ...more });

const ask = (dns: DnsServer, name: string, type: string, more: Partial<Packet> = {}): Promise<Packet> =>
  exchange(dns, query(name, type, more));

const at = (id: string, address: string, more: object = {}) => ({ service: "shop", id, address, port: 80, ...more });

const TRUNCATED = 0x200;

describe("DNS", { timeout: 60_000 }, () => {
  test("a resolver finds addresses and ports of the instances that are up", async () => {
    const { services, resolver } = await setting({ zone: "x" });
    await services.register(at("a", "10.0.0.7", { weight: 2, zone: "x" }));
    await services.register(at("b", "10.0.0.8", { port: 81, zone: "y" }));
    await services.register(at("c", "fd00::1:2", { port: 82 }));
    await services.register(at("d", "shop.example.com", { port: 83 }));
    const drained = await services.register(at("e", "10.0.0.9"));
    await drained.drain();
    const name = "shop.service.quorate";
    await eventually("the last is out", async () => {
      assert.deepEqual((await resolver.resolve4(name)).sort(), ["10.0.0.7", "10.0.0.8"]);
    });
    assert.deepEqual(await resolver.resolve4(name.toUpperCase(), { ttl: true }).then(([one]) => one?.ttl), 1);
    assert.deepEqual(await resolver.resolve6(name), ["fd00::1:2"]);
    const found = await resolver.resolveSrv("_shop._tcp.quorate");
    const sorted = found.sort((a, b) => a.port - b.port);
    assert.deepEqual(
      sorted.map(({ name: target, port, priority, weight }) => [target, port, priority, weight]),
      [
        ["0a000007.addr.quorate", 80, 0, 120],
        ["0a000008.addr.quorate", 81, 1, 60],
        ["fd000000000000000000000000010002.addr.quorate", 82, 1, 60],
        ["shop.example.com", 83, 1, 60],
      ],
    );
    assert.equal((await resolver.resolveSrv(name)).length, 4);
    assert.deepEqual(await resolver.resolve4("0a000007.addr.quorate"), ["10.0.0.7"]);
    assert.deepEqual(await resolver.resolve6("fd000000000000000000000000010002.addr.quorate"), ["fd00::1:2"]);
  });

  test("what does not exist is told from what has no such record, and both may be believed as long", async () => {
    const { services, dns } = await setting({ ttlSeconds: 3 });
    await services.register(at("a", "10.0.0.7"));
    const noData = async (name: string, type: string) => {
      const { rcode, answers, authorities } = await ask(dns, name, type);
      const soa = authorities?.[0]?.data as { readonly minimum: number };
      return [rcode, answers?.length, authorities?.[0]?.type, soa?.minimum];
    };
    await eventually("it knows the service", async () => {
      assert.deepEqual(await noData("shop.service.quorate", "AAAA"), ["NOERROR", 0, "SOA", 3]);
    });
    assert.deepEqual(await noData("shop.service.quorate", "TXT"), ["NOERROR", 0, "SOA", 3]);
    assert.deepEqual(await noData("service.quorate", "A"), ["NOERROR", 0, "SOA", 3]);
    assert.deepEqual(await noData("none.service.quorate", "A"), ["NXDOMAIN", 0, "SOA", 3]);
    assert.deepEqual(await noData("zz.addr.quorate", "A"), ["NXDOMAIN", 0, "SOA", 3]);
    assert.equal((await ask(dns, "example.com", "A")).rcode, "REFUSED");
    assert.equal((await ask(dns, "notquorate", "A")).rcode, "REFUSED");
  });

  test("what is too long for UDP says so, and is whole over TCP, as is what a client takes by EDNS", async () => {
    const { services, dns, resolver } = await setting();
    const addresses = Array.from({ length: 60 }, (_, i) => `10.0.1.${i}`);
    for (const address of addresses) await services.register(at(address, address));
    const name = "shop.service.quorate";
    // A resolver asks again over TCP by itself.
    await eventually("all are there", async () => assert.equal((await resolver.resolve4(name)).length, 60));
    const short = await ask(dns, name, "A");
    assert.notEqual((short.flags ?? 0) & TRUNCATED, 0);
    assert.ok((short.answers?.length ?? 0) > 5 && dnsPacket.encode(short).length <= 512);
    const opt = { name: ".", type: "OPT", udpPayloadSize: 4_096, flags: 0, data: [] };
    const longer = await ask(dns, name, "A", { additionals: [opt] });
    assert.ok((longer.answers?.length ?? 0) > (short.answers?.length ?? 0));
    // Two questions at once, in pieces, over one connection.
    const socket = connect(dns.address.port, dns.address.host);
    const message = Buffer.concat([Buffer.from([0, query(name, "A").length]), query(name, "A")]);
    socket.write(Buffer.concat([message, message.subarray(0, 5)]));
    socket.write(message.subarray(5));
    const got: number[] = [];
    let bytes = Buffer.alloc(0);
    for await (const chunk of socket) {
      bytes = Buffer.concat([bytes, chunk as Buffer]);
      while (bytes.length >= 2 && bytes.length >= 2 + bytes.readUInt16BE(0)) {
        const end = 2 + bytes.readUInt16BE(0);
        got.push(dnsPacket.decode(bytes.subarray(2, end)).answers?.length ?? 0);
        bytes = bytes.subarray(end);
      }
      if (got.length === 2) break;
    }
    assert.deepEqual(got, [60, 60]);
  });

  test("what is no question is refused or left alone, and the server goes on", async () => {
    const { dns } = await setting();
    assert.equal(
      (await exchange(dns, Buffer.concat([query("quorate", "A").subarray(0, 12), Buffer.from([63])]))).rcode,
      "FORMERR",
    );
    assert.equal((await ask(dns, "quorate", "A", { flags: 2 << 11 })).rcode, "NOTIMP");
    assert.equal((await ask(dns, "quorate", "A", { questions: [] })).rcode, "FORMERR");
    const socket = createSocket("udp4");
    socket.send(Buffer.from([1, 2, 3]), dns.address.port, dns.address.host);
    socket.send(dnsPacket.encode({ type: "response", id: 1 }), dns.address.port, dns.address.host, () =>
      socket.close(),
    );
    assert.equal((await ask(dns, "quorate", "NS")).answers?.[0]?.data, "ns.quorate");
    await assert.rejects(serveDns(realServices(), { domain: "a b" }), { code: "INVALID_ARGUMENT", message: /"a b"/ });
    await assert.rejects(serveDns(realServices(), { ttlSeconds: -1 }), { code: "INVALID_ARGUMENT", message: /-1/ });
    await assert.rejects(serveDns(realServices(), { port: dns.address.port }), { code: "EADDRINUSE" });
  });
});
