/** Both ends of the port, with services that are made for the case. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { MessageChannel } from "node:worker_threads";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import { nodeClock } from "../../node/clock.ts";
import type { CallFailure } from "../../store/channel.ts";
import type { Method as WireMethod } from "../../wire/methods.ts";
import type { BidiCall, Call, Method, StreamCall } from "../front-door.ts";
import { PortChannel } from "./port-channel.ts";
import { PortDoor } from "./port-door.ts";
import { WINDOW_BYTES } from "./protocol.ts";

const NOTHING = new Uint8Array(0);
const MOST_BYTES = 4 * WINDOW_BYTES;

/** Texts as messages. */
function method(path: string): WireMethod<string, string> {
  return {
    path,
    repeatable: true,
    encode: (text) => new TextEncoder().encode(text),
    decode: (bytes) => {
      const text = new TextDecoder().decode(bytes);
      if (text === "nonsense") throw new Error("nonsense");
      return text;
    },
  };
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Room extends AsyncDisposable {
  readonly channel: PortChannel;
  readonly door: PortDoor;
}

function room(...methods: readonly Method[]): Room {
  const { port1, port2 } = new MessageChannel();
  const door = new PortDoor({ port: port2, clock: nodeClock, methods, maxReceiveBytes: MOST_BYTES });
  const channel = new PortChannel("embedded", port1, nodeClock);
  return {
    channel,
    door,
    [Symbol.asyncDispose]: async () => {
      channel.close();
      await door.close(0);
      port1.close();
    },
  };
}

const echo: Method = {
  kind: "unary",
  path: "/echo",
  handle: (request, call, answer) =>
    answer(null, utf8(`${call.metadata("who")}: ${new TextDecoder().decode(request)}`)),
};

/** Never answers; tells of its calls. */
function silent(): { method: Method; begun: Promise<Call> } {
  const begun = Promise.withResolvers<Call>();
  return { method: { kind: "unary", path: "/silent", handle: (_, call) => begun.resolve(call) }, begun: begun.promise };
}

function failed(promise: Promise<unknown>): Promise<CallFailure> {
  return promise.then(
    () => assert.fail("it was answered"),
    (error: CallFailure) => error,
  );
}

function refusing(error: () => Error): Method {
  return { kind: "unary", path: "/refusing", handle: (_request, _call, answer) => answer(error() as never, NOTHING) };
}

describe("a call", () => {
  test("has its own answer, with what was sent beside it", async () => {
    await using at = room(echo);
    const texts = Array.from({ length: 100 }, (_, i) => String(i));
    const answers = await Promise.all(
      texts.map((text) => at.channel.call(method("/echo"), text, { timeoutMs: 5_000, metadata: { who: "me" } })),
    );
    assert.deepEqual(
      answers,
      texts.map((text) => `me: ${text}`),
    );
    assert.equal(at.door.calls, 0);
  });

  test("that is refused has etcd's code by its text", async () => {
    await using at = room(refusing(etcdErrors.keyNotProvided));
    const failure = await failed(at.channel.call(method("/refusing"), "", { timeoutMs: 5_000 }));
    assert.deepEqual(
      [failure.code, failure.message, failure.mayHaveArrived],
      ["KEY_NOT_PROVIDED", etcdErrors.keyNotProvided().message, true],
    );
  });

  test("whose service throws, or that nobody serves, ends", async () => {
    const throwing: Method = {
      kind: "unary",
      path: "/throwing",
      handle: () => {
        throw new Error("oh");
      },
    };
    await using at = room(throwing);
    assert.equal((await failed(at.channel.call(method("/throwing"), "", { timeoutMs: 5_000 }))).code, "INTERNAL");
    assert.equal((await failed(at.channel.call(method("/nobody"), "", { timeoutMs: 5_000 }))).code, "UNIMPLEMENTED");
    const large = "x".repeat(MOST_BYTES + 1);
    const failure = await failed(at.channel.call(method("/throwing"), large, { timeoutMs: 5_000 }));
    assert.equal(failure.code, "REQUEST_TOO_LARGE");
  });

  test("that is late or given up is rejected at once, and its service told", async () => {
    const { method: never, begun } = silent();
    await using at = room(never);
    const late = failed(at.channel.call(method("/silent"), "", { timeoutMs: 20 }));
    const call = await begun;
    const told = new Promise<void>((resolve) => call.onCancel(resolve));
    assert.deepEqual([(await late).code, (await late).mayHaveArrived], ["DEADLINE_EXCEEDED", true]);
    await told;

    const control = new AbortController();
    const given = failed(at.channel.call(method("/silent"), "", { timeoutMs: 5_000, signal: control.signal }));
    control.abort();
    assert.deepEqual([(await given).code, (await given).mayHaveArrived], ["CANCELLED", true]);
    const before = await failed(
      at.channel.call(method("/silent"), "", { timeoutMs: 5_000, signal: AbortSignal.abort() }),
    );
    assert.equal(before.mayHaveArrived, false);
  });

  test("whose request or answer cannot be coded says so", async () => {
    await using at = room({ kind: "unary", path: "/n", handle: (_q, _c, answer) => answer(null, utf8("nonsense")) });
    const failure = await failed(at.channel.call(method("/n"), "", { timeoutMs: 5_000 }));
    assert.equal(failure.code, "MALFORMED_RESPONSE");
    const wrong = {
      ...method("/n"),
      encode: (): Uint8Array => {
        throw new Error("no");
      },
    };
    const unsent = await failed(at.channel.call(wrong, "", { timeoutMs: 5_000 }));
    assert.deepEqual([unsent.code, unsent.mayHaveArrived], ["INVALID_ARGUMENT", false]);
  });

  test("whose member is lost may have arrived; one after that has not", async () => {
    const { method: never, begun } = silent();
    await using at = room(never);
    const reasons: string[] = [];
    at.channel.onLost(({ message }) => reasons.push(message));
    const open = failed(at.channel.call(method("/silent"), "", { timeoutMs: 5_000 }));
    await begun;
    at.channel.lose(new Error("it broke"));
    at.channel.lose(new Error("twice"));
    assert.deepEqual(
      [(await open).code, (await open).message, (await open).mayHaveArrived],
      ["UNAVAILABLE", "embedded: it broke", true],
    );
    const late = await failed(at.channel.call(method("/silent"), "", { timeoutMs: 5_000 }));
    assert.deepEqual([late.message, late.mayHaveArrived], ["embedded: it broke", false]);
    assert.deepEqual(reasons, ["it broke"]);
  });
});

test("what has come is heard before its turn, in its order", async () => {
  await using at = room(echo);
  const heard: string[] = [];
  const first = at.channel.call(method("/echo"), "1", { timeoutMs: 5_000 }).then((text) => heard.push(text));
  await first;
  assert.equal(at.channel.hear(), false);
  const { port1, port2 } = new MessageChannel();
  const channel = new PortChannel("x", port1, nodeClock);
  const replies: string[] = [];
  const ended: unknown[] = [];
  channel.open(method("/s"), { reply: (text) => replies.push(text), ended: (error) => ended.push(error) });
  const pieces = [utf8("a"), utf8("bc")];
  for (const piece of pieces) {
    port2.postMessage({ messages: [{ is: "reply", id: 1 }], sizes: [piece.length], bytes: piece.buffer });
  }
  port2.postMessage({ messages: [{ is: "end", id: 1, error: null }], sizes: [0], bytes: new ArrayBuffer(0) });
  assert.deepEqual(replies, []);
  assert.equal(channel.hear(), true);
  assert.deepEqual([replies, ended], [["a", "bc"], [null]]);
  assert.equal(channel.hear(), false);
  channel.close();
  port1.close();
});

describe("a stream", () => {
  function bidi(handle: (call: BidiCall) => void): Method {
    return { kind: "bidi", path: "/bidi", handle };
  }

  test("carries messages both ways until the member ends it", async () => {
    await using at = room(
      bidi((call) => {
        call.onMessage((bytes) => {
          const text = new TextDecoder().decode(bytes);
          if (text === "end") call.end();
          else call.write(utf8(text.toUpperCase()));
        });
      }),
    );
    const seen: unknown[] = [];
    const over = Promise.withResolvers<void>();
    const stream = at.channel.open(method("/bidi"), {
      reply: (text) => seen.push(text),
      ended: (error) => {
        seen.push(error);
        over.resolve();
      },
    });
    for (const text of ["a", "b", "c", "end", "late"]) stream.send(text);
    await over.promise;
    assert.deepEqual(seen, ["A", "B", "C", null]);
  });

  test("ends with an error when a service refuses, an answer cannot be read, or the member is lost", async () => {
    await using at = room(
      bidi((call) =>
        call.onMessage((bytes) => {
          const text = new TextDecoder().decode(bytes);
          if (text === "refuse") call.end(etcdErrors.noLeader());
          else call.write(bytes);
        }),
      ),
    );
    const open = (): { send(text: string): void; ended: Promise<CallFailure | null> } => {
      const { promise, resolve } = Promise.withResolvers<CallFailure | null>();
      const stream = at.channel.open(method("/bidi"), { reply: () => undefined, ended: resolve });
      return { send: (text) => stream.send(text), ended: promise };
    };
    const [refused, unreadable, lost] = [open(), open(), open()];
    refused.send("refuse");
    unreadable.send("nonsense");
    assert.equal((await refused.ended)?.code, "NO_LEADER");
    assert.equal((await unreadable.ended)?.code, "MALFORMED_RESPONSE");
    at.channel.lose(new Error("gone"));
    assert.equal((await lost.ended)?.code, "UNAVAILABLE");
    let early = true;
    const after = at.channel.open(method("/bidi"), {
      reply: () => undefined,
      ended: (error) => assert.deepEqual([early, error?.mayHaveArrived], [false, false]),
    });
    early = false;
    after.send("x");
    await delay(1);
  });

  test("is held back at the member while its program does not take it", async () => {
    const piece = new Uint8Array(WINDOW_BYTES / 8);
    const PIECES = 64;
    let written = 0;
    const held = Promise.withResolvers<void>();
    await using at = room({
      kind: "serverStream",
      path: "/pages",
      handle: (_request: Uint8Array, call: StreamCall) => {
        const write = (): void => {
          while (call.writable && written < PIECES) {
            call.write(piece);
            written++;
          }
          if (written === PIECES) call.end();
          else held.resolve();
        };
        call.onDrain(write);
        write();
      },
    });
    let taken = 0;
    const over = Promise.withResolvers<CallFailure | null>();
    const stream = at.channel.open(method("/pages"), { reply: () => taken++, ended: over.resolve });
    stream.pause();
    stream.send("");
    await held.promise;
    await delay(20);
    assert.deepEqual([written, taken], [8, 0], "a window is on its way, and nothing was given");
    stream.resume();
    assert.equal(await over.promise, null);
    assert.deepEqual([written, taken], [PIECES, PIECES]);
  });

  test("that its service pauses gives it nothing until it goes on", async () => {
    const calls: BidiCall[] = [];
    const seen: string[] = [];
    await using at = room(
      bidi((call) => {
        calls.push(call);
        call.onMessage((bytes) => {
          seen.push(new TextDecoder().decode(bytes));
          call.pause();
        });
      }),
    );
    const stream = at.channel.open(method("/bidi"), { reply: () => undefined, ended: () => undefined });
    for (const text of ["1", "2", "3"]) stream.send(text);
    while (seen.length === 0) await delay(1);
    assert.deepEqual(seen, ["1"], "they came together");
    calls[0]?.resume();
    assert.deepEqual(seen, ["1", "2"]);
    calls[0]?.resume();
    assert.deepEqual(seen, ["1", "2", "3"]);
  });

  test("that is cancelled is over at the member, and silent here", async () => {
    const begun = Promise.withResolvers<BidiCall>();
    await using at = room(bidi((call) => begun.resolve(call)));
    const stream = at.channel.open(method("/bidi"), {
      reply: () => assert.fail("a reply after its end"),
      ended: () => assert.fail("an end after its end"),
    });
    const call = await begun.promise;
    const cancelled = new Promise<void>((resolve) => call.onCancel(resolve));
    call.write(utf8("on its way"));
    stream.cancel();
    await cancelled;
    assert.equal(call.write(utf8("late")), false);
    assert.equal(at.door.calls, 0);
  });
});

describe("a door that closes", () => {
  test("lets calls finish, takes no more, and cuts what is left", async () => {
    const { port1, port2 } = new MessageChannel();
    const answers: (() => void)[] = [];
    const slow: Method = {
      kind: "unary",
      path: "/slow",
      handle: (_request, _call, answer) => answers.push(() => answer(null, utf8("done"))),
    };
    const door = new PortDoor({ port: port2, clock: nodeClock, methods: [slow], maxReceiveBytes: MOST_BYTES });
    const channel = new PortChannel("embedded", port1, nodeClock);
    const finished = channel.call(method("/slow"), "", { timeoutMs: 5_000 });
    while (answers.length === 0) await delay(1);
    const closed = door.close(60_000);
    const refused = await failed(channel.call(method("/slow"), "", { timeoutMs: 5_000 }));
    assert.equal(refused.code, "SERVER_STOPPED");
    for (const answer of answers) answer();
    assert.equal(await finished, "done");
    await closed;
    channel.close();
    port1.close();
  });

  test("does not wait longer than it may", async () => {
    const { method: never, begun } = silent();
    const { port1, port2 } = new MessageChannel();
    const door = new PortDoor({ port: port2, clock: nodeClock, methods: [never], maxReceiveBytes: MOST_BYTES });
    const channel = new PortChannel("embedded", port1, nodeClock);
    const cut = failed(channel.call(method("/silent"), "", { timeoutMs: 5_000 }));
    const call = await begun;
    const gone = once(port1, "close");
    await door.close(5);
    assert.equal(call.cancelled, true);
    await gone;
    channel.lose(new Error("its thread ended"));
    assert.equal((await cut).code, "UNAVAILABLE");
  });
});
