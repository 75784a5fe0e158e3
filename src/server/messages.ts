/**
 * Messages of the generated code to bytes and back, and handlers in terms of them: for calls that are rare enough.
 */
import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { GrpcStatus, QuorateError } from "../errors.ts";
import type { Answer, Call, Method } from "./front-door.ts";

/** @throws QuorateError if the bytes are no such message. */
export function decodeMessage<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const message = `the request is not a valid ${schema.typeName}: ${error instanceof Error ? error.message : String(error)}`;
    throw new QuorateError("MALFORMED_REQUEST", GrpcStatus.invalidArgument, message, { cause: error });
  }
}

export function encodeMessage<D extends DescMessage>(schema: D, content: MessageInitShape<D>): Uint8Array {
  return toBinary(schema, create(schema, content));
}

/** What to tell a client of anything that was thrown. */
export function errorFor(thrown: unknown): QuorateError {
  if (thrown instanceof QuorateError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  return new QuorateError("INTERNAL", GrpcStatus.internal, `internal error: ${text}`, { cause: thrown });
}

const NOTHING = new Uint8Array(0);

/** Runs what answers a call, and answers for it if it throws. */
export function answering(answer: Answer, run: () => Uint8Array): void {
  let response: Uint8Array;
  try {
    response = run();
  } catch (error) {
    answer(errorFor(error), NOTHING);
    return;
  }
  answer(null, response);
}

/** Answers with an error. */
export function refuse(answer: Answer, error: unknown): void {
  answer(errorFor(error), NOTHING);
}

/** A unary method of generated messages. */
export function unaryMethod<I extends DescMessage, O extends DescMessage>(
  path: string,
  input: I,
  output: O,
  handle: (request: MessageShape<I>, call: Call) => MessageInitShape<O> | Promise<MessageInitShape<O>>,
): Method {
  const run = async (bytes: Uint8Array, call: Call): Promise<Uint8Array> => {
    return encodeMessage(output, await handle(decodeMessage(input, bytes), call));
  };
  return {
    kind: "unary",
    path,
    handle(bytes, call, answer) {
      run(bytes, call).then(
        (response) => answer(null, response),
        (error: unknown) => refuse(answer, error),
      );
    },
  };
}
