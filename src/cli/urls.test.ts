import assert from "node:assert/strict";
import test from "node:test";
import { hostPort, isWildcard, parseUrls } from "./urls.ts";

test("URLs keep one form", () => {
  assert.deepEqual(parseUrls("--x", "http://A.example:80/, http://[2001:DB8::1]:2379"), [
    "http://a.example:80",
    "http://[2001:db8::1]:2379",
  ]);
  assert.deepEqual(hostPort("http://[::1]:5"), { host: "::1", port: 5 });
  assert.deepEqual(hostPort("http://h:80"), { host: "h", port: 80 });
});

test("addresses that mean every address", () => {
  for (const url of ["http://0.0.0.0:1", "http://[::]:1", "http://[0:0:0:0:0:0:0:0]:1"])
    assert.equal(isWildcard(url), true, url);
  for (const url of ["http://10.0.0.0:1", "http://[::1]:1", "http://h:1"]) assert.equal(isWildcard(url), false, url);
});

test("what is no URL of a member is refused by its value", () => {
  const refusals: readonly (readonly [string, RegExp])[] = [
    ["", /--x "" is no URL/],
    ["http://a", /"http:\/\/a" is no URL/],
    ["http://a:1/path", /is no URL/],
    ["http://a:99999", /is no URL/],
    ["http://[nope]:1", /is no URL/],
    ["http://a:1,,http://b:1", /--x "" is no URL/],
    ["https://a:1", /TLS is not supported yet/],
    ["unix:///x", /unix sockets are not supported yet/],
    ["http://a:1,http://A:1", /names http:\/\/a:1 twice/],
  ];
  for (const [list, message] of refusals) assert.throws(() => parseUrls("--x", list), { code: "USAGE", message }, list);
});
