/**
 * How values become bytes: bytes, text, JSON, and JSON that a schema has checked.
 *
 * @example
 * ```ts
 * const users = q.kv.namespace("users/").of(json(UserSchema)); // zod, valibot, arktype, …: any Standard Schema
 * const user = (await users.get("ada"))?.value;
 * ```
 */
import { GrpcStatus, QuorateError } from "../errors.ts";
import { byteString, byteStringOfText, bytesOf } from "../wire/byte-string.ts";
import type { ByteString } from "../wire/kv.ts";
import { invalid, notJson, notText } from "./errors.ts";

/** What goes to the store: text is written as UTF-8. */
export type Encoded = string | Uint8Array;

/**
 * How values are written and read.
 *
 * @typeParam In what is written.
 * @typeParam Out what is read.
 */
export interface Codec<In, Out = In> {
  encode(value: In): Encoded;
  decode(bytes: Uint8Array): Out;
}

/** The part of Standard Schema (https://standardschema.dev, version 1) that is used: synchronous validation. */
export interface Schema<In, Out = In> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

/** A value as a schema has it, or what is wrong with it. */
export type SchemaResult<Out> =
  | { readonly value: Out; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

/** What a schema has against a value, and where. */
export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Values as they are. */
export const bytes: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (value) => value,
};

/** @throws QuorateError `NOT_TEXT` when it reads what is no UTF-8 */
export const text: Codec<string> = {
  encode: (value) => value,
  decode(value) {
    try {
      return decoder.decode(value);
    } catch {
      throw notText();
    }
  },
};

/** Text or bytes are written; text is read. */
export const plain: Codec<Encoded, string> = { encode: (value) => value, decode: (value) => text.decode(value) };

/**
 * Values as JSON, of any kind, or as a schema has them: checked when they are written and when they are read.
 * @throws QuorateError `NOT_JSON`, `INVALID_VALUE`
 */
export function json<Out, In = Out>(schema?: Schema<In, Out>): Codec<In, Out> {
  return {
    encode(value) {
      if (schema !== undefined) validate(schema, value, "to be written");
      const encoded: string | undefined = JSON.stringify(value);
      if (encoded === undefined) throw invalid(`a ${typeof value} is no JSON: give a value that JSON can say`);
      return encoded;
    },
    decode(value) {
      const read = parseJson(value);
      return schema === undefined ? (read as Out) : validate(schema, read, "at the store");
    },
  };
}

/** @throws QuorateError `NOT_JSON` */
export function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(value)) as unknown;
  } catch (error) {
    throw notJson(error);
  }
}

function validate<Out>(schema: Schema<unknown, Out>, value: unknown, where: string): Out {
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) {
    throw invalid(`the schema of ${schema["~standard"].vendor} checks asynchronously: use one that does not`);
  }
  if (result.issues === undefined) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => {
    const at = path.map((step) => String(typeof step === "object" ? step.key : step)).join(".");
    return at === "" ? message : `${at}: ${message}`;
  });
  throw new QuorateError(
    "INVALID_VALUE",
    GrpcStatus.invalidArgument,
    `the value ${where} is not as its schema wants it: ${issues.join("; ")}`,
    { cause: result.issues },
  );
}

/** What the store takes. @throws QuorateError `INVALID_ARGUMENT` for what is neither text nor bytes */
export function byteStringOf(value: Encoded, what: string): ByteString {
  if (typeof value === "string") return byteStringOfText(value);
  if (value instanceof Uint8Array) return byteString(value);
  throw invalid(`${what} is ${typeof value}: give text or a Uint8Array, or use a codec (kv.of(json()))`);
}

/** A codec's value as the store takes it. */
export function encodeWith<In>(codec: Codec<In, unknown>, value: In): ByteString {
  return byteStringOf(codec.encode(value), "a value");
}

export function decodeWith<Out>(codec: Codec<never, Out>, value: ByteString): Out {
  return codec.decode(bytesOf(value));
}
