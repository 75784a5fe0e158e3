import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { crc32 } from "./checksum.ts";
import {
  type Answer,
  AnswerCode,
  answerProblem,
  answerTo,
  decodeAnswer,
  decodeHello,
  encodeAnswer,
  encodeHello,
  GreetingReader,
  type Hello,
} from "./handshake.ts";

const here = { clusterId: 0xc1n, memberId: 2n, nonce: 0x22n };
const hello: Hello = { oldestVersion: 1, newestVersion: 1, clusterId: 0xc1n, from: 1n, to: 2n, nonce: 0x11n };

const uint64 = fc.bigInt({ min: 0n, max: (1n << 64n) - 1n });
const anyHello: fc.Arbitrary<Hello> = fc.record(
  {
    oldestVersion: fc.nat(0xffff),
    newestVersion: fc.nat(0xffff),
    clusterId: uint64,
    from: uint64,
    to: uint64,
    nonce: uint64,
  },
  { noNullPrototype: true },
);

function bodyOf(greeting: Uint8Array): Uint8Array {
  const progress = new GreetingReader(crc32).push(greeting);
  assert.equal(progress.is, "complete");
  return progress.is === "complete" ? progress.body : new Uint8Array();
}

suite("handshake", () => {
  test("a hello is read as it was written, in any chunks, and what follows is kept", () => {
    fc.assert(
      fc.property(anyHello, fc.integer({ min: 1, max: 60 }), fc.uint8Array({ maxLength: 9 }), (sent, size, after) => {
        const stream = Buffer.concat([encodeHello(sent, crc32), after]);
        const reader = new GreetingReader(crc32);
        for (let at = 0; at < stream.length; at += size) {
          const progress = reader.push(stream.subarray(at, at + size));
          if (progress.is === "incomplete") continue;
          assert.equal(progress.is, "complete");
          if (progress.is !== "complete") return;
          assert.deepEqual(decodeHello(progress.body), sent);
          const left = Buffer.concat([progress.rest, stream.subarray(at + size)]);
          assert.deepEqual([...left], [...after]);
          return;
        }
        assert.fail("never complete");
      }),
    );
  });

  test("an answer is read as it was written; a long reason is cut, control characters are masked", () => {
    const answer: Answer = { ...here, code: 2, version: 0, reason: "wrong cluster: \u00e9" };
    assert.deepEqual(decodeAnswer(bodyOf(encodeAnswer(answer, crc32))), answer);
    const long = { ...answer, reason: `\u001b[31m${"x".repeat(2000)}` };
    const read = decodeAnswer(bodyOf(encodeAnswer(long, crc32)));
    assert.equal(read?.reason.length, 512);
    assert.ok(read?.reason.startsWith("?[31mx"));
  });

  test("a hello may have fields that we do not know yet, and must have those that we do", () => {
    const longer = Buffer.concat([bodyOf(encodeHello(hello, crc32)), Buffer.from("later")]);
    assert.deepEqual(decodeHello(longer), hello);
    assert.equal(decodeHello(longer.subarray(0, 35)), null);
    assert.equal(decodeAnswer(new Uint8Array(27)), null);
  });

  test("a peer of this cluster that asks for this member is accepted", () => {
    assert.deepEqual(answerTo(hello, here), { ...here, code: AnswerCode.accepted, version: 1, reason: "" });
    // A newer peer that still speaks our version.
    assert.equal(answerTo({ ...hello, newestVersion: 9 }, here).version, 1);
  });

  const refused: readonly [string, Partial<Hello>, AnswerCode, RegExp][] = [
    ["a newer protocol", { oldestVersion: 2, newestVersion: 3 }, AnswerCode.wrongVersion, /2 to 3 offered, 1 to 1/],
    ["no protocol", { oldestVersion: 0, newestVersion: 0 }, AnswerCode.wrongVersion, /0 to 0 offered/],
    ["another cluster", { clusterId: 0xabcn }, AnswerCode.wrongCluster, /wrong cluster: abc asked for, this is c1/],
    ["another member", { to: 3n }, AnswerCode.wrongMember, /wrong member: 3 asked for, 2 listens here/],
    ["itself", { from: 2n, nonce: 0x22n }, AnswerCode.sameMember, /reached itself/],
    ["its twin", { from: 2n }, AnswerCode.sameMember, /another process runs with this identity/],
    ["nobody", { from: 0n }, AnswerCode.sameMember, /0 cannot connect here/],
  ];
  for (const [who, difference, code, reason] of refused) {
    test(`a hello from or for ${who} is refused with its reason`, () => {
      const answer = answerTo({ ...hello, ...difference }, here);
      assert.equal(answer.code, code);
      assert.match(answer.reason, reason);
      assert.match(answerProblem(answer, { clusterId: 0xc1n, memberId: 1n, nonce: 0x11n }, 2n) ?? "", reason);
    });
  }

  test("an acceptance by somebody else is no acceptance", () => {
    const us = { clusterId: 0xc1n, memberId: 1n, nonce: 0x11n };
    const yes: Answer = { ...here, code: 0, version: 1, reason: "" };
    assert.equal(answerProblem(yes, us, 2n), null);
    assert.match(answerProblem({ ...yes, clusterId: 5n }, us, 2n) ?? "", /cluster 5/);
    assert.match(answerProblem({ ...yes, memberId: 0x1fn }, us, 2n) ?? "", /member 1f/);
    assert.match(answerProblem({ ...yes, version: 2 }, us, 2n) ?? "", /version 2, which was not offered/);
    assert.match(answerProblem({ ...yes, code: 99 }, us, 2n) ?? "", /code 99/);
  });

  const foreign: readonly [string, Uint8Array, RegExp][] = [
    ["HTTP", Buffer.from("GET / HTTP/1.1\r\n"), /it speaks HTTP: a client on the peer port/],
    ["HTTP/2", Buffer.from("PRI * HTTP/2.0\r\n"), /it speaks HTTP/],
    ["TLS", Buffer.from([0x16, 3, 1, 0, 5]), /it speaks TLS/],
    ["noise", Buffer.from([1, 2, 0xff]), /it begins with 01 02 ff/],
  ];
  for (const [what, bytes, problem] of foreign) {
    test(`${what} is recognised`, () => {
      const progress = new GreetingReader(crc32).push(bytes);
      assert.equal(progress.is, "foreign");
      if (progress.is === "foreign") assert.match(progress.problem, problem);
    });
  }

  test("damage and absurd lengths are found", () => {
    const good = encodeHello(hello, crc32);
    for (let at = 10; at < good.length; at++) {
      const damaged = Uint8Array.from(good);
      damaged[at] = (damaged[at] ?? 0) ^ 0x10;
      assert.equal(new GreetingReader(crc32).push(damaged).is, "foreign", `byte ${at}`);
    }
    const huge = Uint8Array.from(good);
    huge[9] = 0xff;
    const progress = new GreetingReader(crc32).push(huge);
    assert.ok(progress.is === "foreign" && /its greeting has 65317 bytes/.test(progress.problem));
  });

  test("any bytes are survived", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.boolean(), (noise, withMagic) => {
        const bytes = withMagic ? Buffer.concat([Buffer.from("QUORATE\0"), noise]) : noise;
        new GreetingReader(crc32).push(bytes);
      }),
    );
  });
});
