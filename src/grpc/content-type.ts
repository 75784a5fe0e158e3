/** What the header fields of a gRPC call say that its bodies are. */
export const CONTENT_TYPE: readonly [name: string, value: string] = ["content-type", "application/grpc"];

/** `application/grpc`, perhaps with the messages' format (`+proto`) or parameters behind it. */
export function isGrpc(contentType: string | null): boolean {
  return contentType !== null && /^application\/grpc(?:$|[+;])/i.test(contentType);
}
