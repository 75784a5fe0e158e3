/**
 * Free ports for members under test.
 *
 * They are drawn at random below the range from which the kernel takes the local ports of outgoing connections (32768
 * and up on Linux): otherwise, while a killed member is away, some client's connection could be given its port and the
 * member could not come back.
 */
import { randomInt } from "node:crypto";
import { createServer } from "node:net";

const LOWEST = 12_000;
const HIGHEST = 32_000;

const given = new Set<number>();

/** `count` different ports of 127.0.0.1 on which nothing listens now. No port is given twice by one process. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = randomInt(LOWEST, HIGHEST);
    if (given.has(port) || !(await isFree(port))) continue;
    given.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ port, host: "127.0.0.1", exclusive: true }, () => server.close(() => resolve(true)));
  });
}
