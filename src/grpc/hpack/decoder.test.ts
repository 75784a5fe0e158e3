import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { HpackDecoder, HpackError } from "./decoder.ts";
import { encodeBlock } from "./encoder.ts";
import { CompressingEncoder, type Literal } from "./testing/compressing-encoder.ts";

type Pair = readonly [name: string, value: string];

const MAX_LIST = 1 << 16;

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

function decode(decoder: HpackDecoder, bytes: Uint8Array): Pair[] | null {
  return decoder.decode(bytes, 0, bytes.length)?.map(({ name, value }) => [name, value]) ?? null;
}

const REQUESTS: readonly (readonly Pair[])[] = [
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
  ],
  [
    [":method", "GET"],
    [":scheme", "http"],
    [":path", "/"],
    [":authority", "www.example.com"],
    ["cache-control", "no-cache"],
  ],
  [
    [":method", "GET"],
    [":scheme", "https"],
    [":path", "/index.html"],
    [":authority", "www.example.com"],
    ["custom-key", "custom-value"],
  ],
];

function response(status: string, date: string, more: readonly Pair[] = []): readonly Pair[] {
  const location = "https://www.example.com";
  const [encoding, ...rest] = more;
  const list: Pair[] = [
    [":status", status],
    ["cache-control", "private"],
    ["date", date],
    ["location", location],
  ];
  return encoding === undefined ? list : [...list, encoding, ...rest];
}

const RESPONSES = [
  response("302", "Mon, 21 Oct 2013 20:13:21 GMT"),
  response("307", "Mon, 21 Oct 2013 20:13:21 GMT"),
  response("200", "Mon, 21 Oct 2013 20:13:22 GMT", [
    ["content-encoding", "gzip"],
    ["set-cookie", "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"],
  ]),
];

test("the RFC's examples of single fields (C.2)", () => {
  for (const [hex, pair, indexed] of [
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", ["custom-key", "custom-header"], true],
    ["040c 2f73 616d 706c 652f 7061 7468", [":path", "/sample/path"], false],
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", ["password", "secret"], false],
    ["82", [":method", "GET"], false],
  ] as const) {
    const decoder = new HpackDecoder(4096, MAX_LIST);
    assert.deepEqual(decode(decoder, bytesOf(hex)), [pair]);
    if (indexed) assert.deepEqual(decode(decoder, Uint8Array.of(0x80 | 62)), [pair]);
    else assert.throws(() => decode(decoder, Uint8Array.of(0x80 | 62)), HpackError);
  }
});

test("the RFC's examples of requests and responses in a row (C.3 to C.6)", () => {
  for (const [capacity, lists, blocks] of [
    [
      4096,
      REQUESTS,
      [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
    ],
    [
      4096,
      REQUESTS,
      [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
    ],
    [
      256,
      RESPONSES,
      [
        `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133
         2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70
         6c65 2e63 6f6d`,
        "4803 3330 37c1 c0bf",
        `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
         54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
         5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
         3d31`,
      ],
    ],
    [
      256,
      RESPONSES,
      [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6
         2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
        "4883 640e ffc1 c0bf",
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
         77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
         9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
    ],
  ] as const) {
    const decoder = new HpackDecoder(capacity, MAX_LIST);
    blocks.forEach((hex, n) => {
      assert.deepEqual(decode(decoder, bytesOf(hex)), lists[n]);
    });
  }
});

const name = fc.constantFrom(
  ":path",
  ":method",
  "te",
  "user-agent",
  "grpc-timeout",
  "x",
  "a-rather-long-name-of-a-field",
);
const value = fc.oneof(
  fc.constantFrom("", "GET", "/", "trailers", "\xff\0\x80"),
  fc.string({ maxLength: 300, unit: "binary" }).map((text) => text.replaceAll(/[^\0-\xff]/gu, "?")),
);
const piece = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.tuple(name, value, fc.constantFrom<Literal>("incremental", "plain", "never"), fc.boolean()),
  },
  { weight: 1, arbitrary: fc.integer({ min: 0, max: 512 }) },
);

test("what any encoder writes is read, through tables that overflow, shrink and grow", () => {
  fc.assert(
    fc.property(fc.array(fc.array(piece, { maxLength: 12, size: "max" }), { maxLength: 12, size: "max" }), (blocks) => {
      const encoder = new CompressingEncoder(512);
      const decoder = new HpackDecoder(512, MAX_LIST);
      for (const block of blocks) {
        const sizes = block.filter((one) => typeof one === "number").flatMap((size) => encoder.resize(size));
        const fields = block.filter((one) => typeof one !== "number");
        const bytes = fields.flatMap(([n, v, literal, huffman]) => encoder.field(n, v, literal, huffman));
        assert.deepEqual(
          decode(decoder, Uint8Array.from([...sizes, ...bytes])),
          fields.map(([n, v]) => [n, v]),
        );
      }
    }),
    { numRuns: 150 },
  );
});

test("a field that is larger than the table empties it, and is not kept (RFC 7541 §4.4)", () => {
  const decoder = new HpackDecoder(100, MAX_LIST);
  const encoder = new CompressingEncoder(100);
  const newest = Uint8Array.of(0x80 | 62);
  decode(decoder, encoder.block([["small", "1"]]));
  assert.deepEqual(decode(decoder, newest), [["small", "1"]]);
  decode(decoder, encoder.block([["large", "2".repeat(64)]]));
  assert.throws(() => decode(decoder, newest), HpackError);
});

test("answers are written with indexes where the static table has them, and read back", () => {
  const fields: Pair[] = [
    [":status", "200"],
    [":status", "415"],
    ["content-type", "application/grpc"],
    ["grpc-message", "x".repeat(300)],
  ];
  const block = encodeBlock(fields);
  assert.equal(block[0], 0x88);
  const decoder = new HpackDecoder(4096, MAX_LIST);
  const { version } = decoder;
  assert.deepEqual(decode(decoder, block), fields);
  assert.equal(decoder.version, version, "nothing for the reader to keep");
});

test("a list above the limit is read to its end and not kept, and the table stays in step", () => {
  const decoder = new HpackDecoder(4096, 100);
  const encoder = new CompressingEncoder();
  const fields: Pair[] = [
    ["first", "1"],
    ["second", "2".repeat(50)],
    ["third", "3"],
  ];
  assert.equal(decode(decoder, encoder.block(fields)), null);
  assert.deepEqual(decode(decoder, encoder.block([["third", "3"]])), [["third", "3"]]);
});

test("a block that cannot be read is refused, with the reason", () => {
  const large = Uint8Array.of(0x3f, 0xe2, 0x1f);
  for (const [bytes, reason] of [
    [Uint8Array.of(0x80), /no field with index 0/],
    [Uint8Array.of(0x80 | 62), /no field with index 62/],
    [Uint8Array.of(0x7f, 0x80), /ends within a field/],
    [Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0x7f), /more than 28 bits/],
    [Uint8Array.of(0x00, 0x05, 0x61), /a string of 5 octets where 1 are left/],
    [Uint8Array.of(0x00, 0x81, 0x00, 0x00), /not in the Huffman code/],
    [large, /a table of 4097 octets is asked for, more than the 4096/],
    [Uint8Array.of(0x82, 0x20), /stands behind a field/],
    [Uint8Array.of(0x40), /ends within a field/],
  ] as const) {
    const decoder = new HpackDecoder(4096, MAX_LIST);
    assert.throws(() => decoder.decode(bytes, 0, bytes.length), { name: "HpackError", message: reason });
  }
});

test("random bytes are decoded or refused, never more", () => {
  const decoder = new HpackDecoder(4096, 1000);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      try {
        decoder.decode(bytes, 0, bytes.length);
      } catch (error) {
        assert.ok(error instanceof HpackError);
      }
    }),
    { numRuns: 2000 },
  );
});

test("a field knows what makes it malformed", () => {
  const flaw = (n: string, v: string): string | null => {
    const fields = new HpackDecoder(4096, MAX_LIST);
    const block = encodeBlock([[n, v]]);
    return fields.decode(block, 0, block.length)?.[0]?.flaw ?? null;
  };
  assert.equal(flaw("x-y_z.1", "a b\tc\xff"), null);
  assert.equal(flaw(":path", "/"), null);
  assert.equal(flaw("x", ""), null);
  for (const [n, v] of [
    ["", "x"],
    [":", "x"],
    ["Upper", "x"],
    ["a b", "x"],
    ["a:b", "x"],
    ["a\x7f", "x"],
    ["a\xe4", "x"],
    ["x", "a\nb"],
    ["x", "a\rb"],
    ["x", "a\0b"],
    ["x", " a"],
    ["x", "a\t"],
  ] as const) {
    assert.notEqual(flaw(n, v), null, `${n}=${v}`);
  }
});
