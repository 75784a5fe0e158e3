// The floors of the house as a table: the one place to change when a room is added. arrows.mjs and purity.mjs enforce it.

/**
 * Every room under src/ with its floor. An arrow (an import, a type import too) only ever points to a lower floor. `beside` names
 * the rooms of the same floor that a room may use all the same; the table must stay free of circles. A folder in a room
 * may have a floor of its own, below it: `transactions/protocol`.
 *
 * @type {Readonly<Record<string, { floor: number, pure?: true, beside?: readonly string[], npm?: readonly string[] }>>}
 */
export const ROOMS = {
  cli: { floor: 6 },
  testkit: { floor: 6 },
  kv: { floor: 5 },
  coordination: { floor: 5, beside: ["kv", "work", "discovery"] },
  transactions: { floor: 5, beside: ["coordination"] },
  "transactions/protocol": { floor: 1, pure: true, beside: ["consensus"] },
  work: { floor: 5, beside: ["kv"] },
  discovery: { floor: 5, beside: ["kv"] },
  sim: { floor: 5, beside: ["kv", "coordination"] },
  store: { floor: 4 },
  server: { floor: 4, beside: ["store"] },
  replica: { floor: 3 },
  storage: { floor: 2 },
  transport: { floor: 2 },
  grpc: { floor: 2 },
  node: { floor: 2 },
  wire: { floor: 1, pure: true, npm: ["@bufbuild/protobuf"] },
  consensus: { floor: 1, pure: true, beside: ["wire"] },
  virtual: { floor: 1, beside: ["consensus"] },
  keyspace: { floor: 1, pure: true, beside: ["wire"] },
  placement: { floor: 1, pure: true, beside: ["wire"] },
};

/** Files directly in src/ that are the package's faces, above all floors; the others there are floor 0 and pure. */
export const FACES = ["index.ts", "core.ts"];

/**
 * Rooms that reach the world only through the ports of environment.ts, so that the simulator can be the world: they may
 * wait for promises, but import nothing of Node and touch no clock, timer or chance.
 */
export const THROUGH_PORTS = [
  "replica",
  "sim",
  "virtual",
  "kv",
  "work",
  "coordination",
  "discovery/registry",
  "store/remote",
];

/** Floor 0's file of ports: types only, so it may speak of promises, which the edges keep. */
export const PORTS = "src/environment.ts";

/** Globals that a pure file may name all the same, each with the reason. */
export const EXCEPTIONS = {
  "src/sim/settle.ts": ["process", "setImmediate"], // waits until no promise has anything left to do: only the host knows
  "src/work/schedules/calendar.ts": ["Date"], // croner speaks in dates; the time is given, none is the present
  "src/wire/byte-string.ts": ["globalThis"], // looks for a faster byte conversion with the same result as its own
};

/** What tests may import beyond node:*. */
export const TEST_PACKAGES = ["fast-check"];

/** @param {string} path relative to the project, with slashes */
export function isTestCode(path) {
  return path.endsWith(".test.ts") || path.includes("/testing/");
}

/**
 * @param {string} path relative to the project, with slashes
 * @returns {boolean} whether the file belongs to a pure floor and is no test code
 */
export function isPure(path) {
  if (isTestCode(path)) return false;
  const [top, room, inside] = path.split("/");
  if (top !== "src" || room === undefined) return false;
  return inside === undefined ? !FACES.includes(room) : ROOMS[room]?.pure === true;
}

/**
 * @param {string} path relative to the project, with slashes
 * @returns {boolean} whether the file knows the world only through the ports and is no test code
 */
export function isThroughPorts(path) {
  return !isTestCode(path) && THROUGH_PORTS.some((room) => path.startsWith(`src/${room}/`));
}
