import { ErrorCode, Flag, FRAME_HEADER_BYTES, FrameType, putFrameHeader, putUint32 } from "./frames.ts";
import { type Framing, writeHeaders } from "./sender.ts";
import type { Slab } from "./slab.ts";
import type { Stream } from "./stream.ts";

/** What stands around the messages of an answer: a header block in front, trailers behind, or both in one. */
export class AnswerFraming implements Framing<Stream> {
  readonly #head: Uint8Array;
  readonly #sent: (stream: Stream) => void;

  /** @param head the header block that each answer with messages begins with */
  constructor(head: Uint8Array, sent: (stream: Stream) => void) {
    this.#head = head;
    this.#sent = sent;
  }

  begin(stream: Stream, slab: Slab): boolean {
    const { ending } = stream;
    const isWhole = stream.message === null && ending !== null && ending.alone !== null;
    if (isWhole) return finish(stream, slab, ending.alone);
    writeHeaders(slab, stream.id, this.#head, Flag.none);
    return false;
  }

  end(stream: Stream, slab: Slab): boolean {
    return stream.ending !== null && finish(stream, slab, stream.ending.trailers);
  }

  sent(stream: Stream): void {
    this.#sent(stream);
  }

  drained(stream: Stream): void {
    if (stream.ending === null) stream.consumer?.drained();
  }
}

/** A client that has not said all is told that nobody listens any more (RFC 9113 §8.1). */
function finish(stream: Stream, slab: Slab, block: Uint8Array): true {
  writeHeaders(slab, stream.id, block, Flag.endStream);
  if (!stream.remoteEnded) {
    putFrameHeader(slab.bytes, slab.at, 4, FrameType.resetStream, Flag.none, stream.id);
    putUint32(slab.bytes, slab.at + FRAME_HEADER_BYTES, ErrorCode.noError);
    slab.at += FRAME_HEADER_BYTES + 4;
  }
  return true;
}
