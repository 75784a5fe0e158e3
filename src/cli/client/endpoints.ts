import { type Endpoint, readEndpoint } from "../../store/grpc/endpoint.ts";
import { usageError } from "../failure.ts";

export type { Endpoint };

/**
 * Reads a comma-separated list such as `127.0.0.1:2379,http://[::1]:2379`. `source` is what the user has to change.
 * @throws usageError naming the endpoint that cannot be used
 */
export function parseEndpoints(list: string, source = "--endpoints"): Endpoint[] {
  const texts = list
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  if (texts.length === 0)
    throw usageError(
      `${source} ${JSON.stringify(list)} names no endpoint: give host:port, several separated by commas`,
    );
  return texts.map((text) => {
    const endpoint = readEndpoint(text);
    if (typeof endpoint === "string") throw usageError(`${source} ${JSON.stringify(text)}${endpoint}`);
    return endpoint;
  });
}
