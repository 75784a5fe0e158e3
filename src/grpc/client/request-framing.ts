import { Flag } from "../http2/frames.ts";
import { type Framing, writeHeaders } from "../http2/sender.ts";
import type { Slab } from "../http2/slab.ts";
import type { ClientStream } from "./client-stream.ts";

/** What stands around the messages of a request: its header block in front, nothing behind. */
export class RequestFraming implements Framing<ClientStream> {
  begin(stream: ClientStream, slab: Slab): boolean {
    writeHeaders(slab, stream.id, stream.block, Flag.none);
    return false;
  }

  /** The frame of the only message has ended the stream; one with many is not ended by us. */
  end({ lastFrameFlags }: ClientStream): boolean {
    return lastFrameFlags !== Flag.none;
  }

  sent(stream: ClientStream): void {
    stream.localEnded = true;
  }

  drained(): void {
    // Nobody waits for room: what a client sends is bounded by its callers.
  }
}
