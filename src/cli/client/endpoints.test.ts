import assert from "node:assert/strict";
import test from "node:test";
import { parseEndpoints } from "./endpoints.ts";

test("endpoints with and without a scheme, names, and IPv6", () => {
  assert.deepEqual(
    parseEndpoints("127.0.0.1:2379, http://[::1]:1/,https://db.example:65535").map(({ host, port, authority }) => [
      host,
      port,
      authority,
    ]),
    [
      ["127.0.0.1", 2379, "127.0.0.1:2379"],
      ["::1", 1, "[::1]:1"],
      ["db.example", 65_535, "db.example:65535"],
    ],
  );
});

test("an endpoint that cannot be used is refused by source and value", () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ["", /--endpoints "" names no endpoint/],
    [" , ", /names no endpoint/],
    ["localhost", /"localhost" is not host:port/],
    ["localhost:0", /not host:port/],
    ["localhost:70000", /not host:port/],
    ["::1:2379", /not host:port/],
    ["[localhost]:2379", /not host:port/],
    ["http://a:1/path", /not host:port/],
    ["user@a:1", /not host:port/],
    ["a b:1", /not host:port/],
    ["unix:///run/x", /unix:\/\/ is not supported/],
  ];
  for (const [list, message] of refusals) assert.throws(() => parseEndpoints(list), { code: "USAGE", message }, list);
  assert.throws(() => parseEndpoints("x", "QUORATE_ENDPOINTS"), /^QuorateError: QUORATE_ENDPOINTS "x"/);
});
