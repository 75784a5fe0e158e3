/** A door with methods that a test can hold in its hands, on a clock that it moves. */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import type { Answer, BidiCall, Call, Method, StreamCall } from "../call.ts";
import { GrpcDoor } from "../door.ts";
import type { Limits } from "../http2/limits.ts";
import { HandClient } from "./hand-client.ts";
import { ManualClock } from "./manual-clock.ts";

export interface UnaryHeld {
  readonly request: string;
  readonly call: Call;
  readonly answer: Answer;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const bytesOf = (string: string): Uint8Array => new TextEncoder().encode(string);

export class TestDoor {
  readonly clock: ManualClock = new ManualClock();
  readonly door: GrpcDoor;
  /** Calls of `/t.T/Hold`, `/t.T/Stream` and `/t.T/Bidi`, in the order in which they came. */
  readonly held: UnaryHeld[] = [];
  readonly streams: { readonly request: string; readonly call: StreamCall }[] = [];
  readonly bidis: { readonly call: BidiCall; readonly messages: string[]; isEnded: boolean }[] = [];
  /** Calls that were told that they are over. */
  over = 0;

  constructor(limits: Partial<Limits> = {}, maxReceiveBytes: number = 1 << 21) {
    const methods: Method[] = [
      { kind: "unary", path: "/t.T/Echo", handle: (request, _call, answer) => answer(null, request) },
      {
        kind: "unary",
        path: "/t.T/Hold",
        handle: (request, call, answer) => {
          call.onCancel(() => (this.over += 1));
          this.held.push({ request: text(request), call, answer });
        },
      },
      {
        kind: "unary",
        path: "/t.T/Fail",
        handle: (request, _call, answer) => {
          answer(new QuorateError("FAIL", GrpcStatus.notFound, text(request)), new Uint8Array(0));
        },
      },
      {
        kind: "unary",
        path: "/t.T/Throw",
        handle: () => {
          throw new Error("thrown");
        },
      },
      // As many bytes as the request says.
      {
        kind: "unary",
        path: "/t.T/Size",
        handle: (request, _call, answer) => answer(null, new Uint8Array(Number(text(request))).fill(7)),
      },
      {
        kind: "serverStream",
        path: "/t.T/Stream",
        handle: (request, call) => {
          call.onCancel(() => (this.over += 1));
          this.streams.push({ request: text(request), call });
        },
      },
      {
        kind: "bidi",
        path: "/t.T/Bidi",
        handle: (call) => {
          const bidi = { call, messages: [] as string[], isEnded: false };
          this.bidis.push(bidi);
          call.onCancel(() => (this.over += 1));
          call.onMessage((message) => bidi.messages.push(text(message)));
          call.onEnd(() => {
            bidi.isEnded = true;
          });
        },
      },
      {
        kind: "bidi",
        path: "/t.T/EchoBidi",
        handle: (call) => {
          call.onMessage((message) => {
            if (text(message) === "throw") throw new Error("thrown");
            call.write(message);
          });
          call.onEnd(() => call.end());
        },
      },
    ];
    this.door = new GrpcDoor({ clock: this.clock, methods, maxReceiveBytes, limits });
  }

  connect(settings: readonly (readonly [number, number])[] | null = []): HandClient {
    return new HandClient(this.door, settings);
  }
}

export { bytesOf, text };
