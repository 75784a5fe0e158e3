/** A client on @grpc/grpc-js that speaks raw messages, or those of the generated code, to a server under test. */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import type { Address } from "../../environment.ts";

/** What a call ended with: gRPC's code and text. */
export interface Failure {
  readonly code: number;
  readonly details: string;
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes);
const asIs = (bytes: Buffer): Buffer => bytes;

export class TestClient {
  readonly #client: Client;

  constructor({ host, port }: Address) {
    this.#client = new Client(`${host}:${port}`, credentials.createInsecure(), {
      "grpc.max_receive_message_length": -1,
      "grpc.use_local_subchannel_pool": 1,
    });
  }

  /** Resolves to the answer's bytes, or to how it failed. */
  raw(path: string, request: Uint8Array, metadata: Record<string, string> = {}): Promise<Uint8Array | Failure> {
    return new Promise((resolve) => {
      this.#client.makeUnaryRequest(path, asBuffer, asIs, request, metadataOf(metadata), (error, response) => {
        if (error !== null) resolve({ code: error.code, details: error.details });
        else resolve(response ?? new Uint8Array(0));
      });
    });
  }

  /** @throws Error if the call fails */
  async call<I extends DescMessage, O extends DescMessage>(
    path: string,
    input: I,
    output: O,
    request: MessageInitShape<I>,
  ): Promise<MessageShape<O>> {
    const answer = await this.raw(path, toBinary(input, create(input, request)));
    if (!(answer instanceof Uint8Array)) throw new Error(`${path}: ${answer.code} ${answer.details}`);
    return fromBinary(output, answer);
  }

  /** How a call fails. @throws Error if it does not */
  async failure<I extends DescMessage>(
    path: string,
    input: I,
    request: MessageInitShape<I>,
    metadata: Record<string, string> = {},
  ): Promise<Failure> {
    const answer = await this.raw(path, toBinary(input, create(input, request)), metadata);
    if (answer instanceof Uint8Array) throw new Error(`${path} was expected to fail, but answered`);
    return answer;
  }

  /** All messages of a server's stream, and how it ended if not well. */
  stream(
    path: string,
    request: Uint8Array,
    metadata: Record<string, string> = {},
  ): Promise<{ messages: Uint8Array[]; failure: Failure | null }> {
    return new Promise((resolve) => {
      const messages: Uint8Array[] = [];
      const call = this.#client.makeServerStreamRequest(path, asBuffer, asIs, request, metadataOf(metadata));
      call.on("data", (message: Buffer) => messages.push(message));
      call.on("end", () => resolve({ messages, failure: null }));
      call.on("error", (error: ServiceError) => {
        resolve({ messages, failure: { code: error.code, details: error.details } });
      });
    });
  }

  open<I extends DescMessage, O extends DescMessage>(
    path: string,
    input: I,
    output: O,
    metadata: Record<string, string> = {},
  ): TestStream<I, O> {
    const call = this.#client.makeBidiStreamRequest(path, asBuffer, asIs, metadataOf(metadata));
    return new TestStream(call, input, output);
  }

  close(): void {
    this.#client.close();
  }
}

/** A stream each way, whose answers are taken one by one. */
export class TestStream<I extends DescMessage, O extends DescMessage> {
  readonly call: ClientDuplexStream<Uint8Array, Buffer>;
  readonly #input: I;
  readonly #output: O;
  readonly #received: MessageShape<O>[] = [];
  #failure: Failure | null = null;
  #ended = false;
  #wake: () => void = () => undefined;

  constructor(call: ClientDuplexStream<Uint8Array, Buffer>, input: I, output: O) {
    this.call = call;
    this.#input = input;
    this.#output = output;
    call.on("data", (bytes: Buffer) => {
      this.#received.push(fromBinary(output, bytes));
      this.#wake();
    });
    call.on("error", (error: ServiceError) => {
      this.#failure = { code: error.code, details: error.details };
      this.#wake();
    });
    call.on("end", () => {
      this.#ended = true;
      this.#wake();
    });
  }

  send(message: MessageInitShape<I>): void {
    this.call.write(toBinary(this.#input, create(this.#input, message)));
  }

  /** The next message. @throws Error if the stream ends before */
  async next(): Promise<MessageShape<O>> {
    for (;;) {
      const message = this.#received.shift();
      if (message !== undefined) return message;
      if (this.#failure !== null) throw new Error(`the stream failed: ${this.#failure.code} ${this.#failure.details}`);
      if (this.#ended) throw new Error("the stream ended");
      await this.#change();
    }
  }

  /** Messages that came and were not taken. */
  get waiting(): number {
    return this.#received.length;
  }

  /** How the stream failed. */
  async failed(): Promise<Failure> {
    while (this.#failure === null) await this.#change();
    return this.#failure;
  }

  cancel(): void {
    this.call.cancel();
  }

  get output(): O {
    return this.#output;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function metadataOf(values: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(values)) metadata.set(name, value);
  return metadata;
}
