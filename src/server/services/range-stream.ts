/**
 * etcdserverpb.KV/RangeStream: a range in pieces, all of one revision, sent no faster than the client reads. Only the
 * last piece has a header, the count, and whether there is more.
 */
import { checkRangeRequest } from "../../keyspace/check.ts";
import type { RangeRequest, RangeResult } from "../../wire/kv.ts";
import { decodeRangeRequest, encodeRangeStreamResponse } from "../../wire/kv-codec.ts";
import type { Method, StreamCall } from "../front-door.ts";
import { errorFor } from "../messages.ts";
import type { ServiceContext } from "../service-context.ts";

/** Bytes of keys and values in one piece. */
const PIECE_BYTES = 256 * 1024;

export function rangeStream(context: ServiceContext): Method {
  return {
    kind: "serverStream",
    path: "/etcdserverpb.KV/RangeStream",
    handle(bytes, call) {
      const request = decodeRangeRequest(bytes);
      checkRangeRequest(request);
      if (request.serializable) return send(context, request, call);
      context.replica.linearize((error) => {
        if (error !== null) call.end(error);
        else send(context, request, call);
      });
    },
  };
}

function send({ replica, view, clock }: ServiceContext, request: RangeRequest, call: StreamCall): void {
  const { keyspace } = replica;
  const { revision } = keyspace;
  let pieces: Iterator<RangeResult, void>;
  // A piece is sent when it is known whether another one follows.
  let held: RangeResult | null = null;
  const go = (): void => {
    if (call.cancelled) return;
    try {
      const next = pieces.next();
      if (next.done === true) {
        if (held !== null) call.write(encodeRangeStreamResponse(view.header(revision), held));
        call.end();
        return;
      }
      const writable = held === null || call.write(encodeRangeStreamResponse(null, held));
      held = next.value;
      if (writable) clock.soon(go);
    } catch (error) {
      call.end(errorFor(error));
    }
  };
  try {
    pieces = keyspace.pages(request, PIECE_BYTES);
  } catch (error) {
    call.end(errorFor(error));
    return;
  }
  call.onDrain(go);
  go();
}
