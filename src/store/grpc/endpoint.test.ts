import assert from "node:assert/strict";
import { test } from "node:test";
import { parseEndpoints } from "./endpoint.ts";

const authorities = (endpoints: string | readonly string[]): string[] =>
  parseEndpoints(endpoints).map(({ scheme, authority }) => `${scheme ?? ""} ${authority}`);

test("endpoints are host and port, with or without a scheme, one or many", () => {
  assert.deepEqual(authorities("127.0.0.1:2379"), [" 127.0.0.1:2379"]);
  assert.deepEqual(authorities("http://a:1, https://b.example:2/,[::1]:3"), [
    "http a:1",
    "https b.example:2",
    " [::1]:3",
  ]);
  assert.deepEqual(authorities(["a:1", "HTTP://b:2,c:3"]), [" a:1", "http b:2", " c:3"]);
  assert.equal(parseEndpoints("[::1]:3")[0]?.host, "::1");
});

test("the same endpoint twice counts once", () => {
  assert.deepEqual(authorities("a:1,a:1,b:1"), [" a:1", " b:1"]);
});

test("what is none is named", () => {
  for (const text of [
    "a",
    "a:0",
    "a:65536",
    "a:x",
    "http://a",
    "[::1",
    "[a]:1",
    "::1:2",
    "a b:1",
    "user@a:1",
    "a:1/path",
  ]) {
    assert.throws(
      () => parseEndpoints(`ok:1,${text}`),
      (error: Error) => {
        assert.ok(error.message.includes(JSON.stringify(text)), error.message);
        return (error as { code?: string }).code === "INVALID_ARGUMENT";
      },
    );
  }
  assert.throws(() => parseEndpoints("unix://a:1"), /unix:\/\/ is not supported/);
  for (const nothing of ["", " , ", []]) assert.throws(() => parseEndpoints(nothing), /there is no endpoint/);
});
