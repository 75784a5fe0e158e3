/** Log lines of a member, written by pino to standard error: JSON, or readable lines for people. */
import { pino } from "pino";
import type { Logger } from "../../environment.ts";
import type { LogFormat, LogLevel } from "./config.ts";

export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Takes whole lines. Default: standard error, written before the call returns, so that nothing is lost at the end. */
  readonly write?: (line: string) => void;
}

export function createLogger(options: LoggerOptions): Logger {
  const write = options.write;
  const destination = write === undefined ? pino.destination({ dest: 2, sync: true }) : { write };
  const sink =
    options.format === "json" ? destination : { write: (line: string) => void destination.write(readable(line)) };
  const logger = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      messageKey: "msg",
    },
    sink,
  );
  return {
    debug: (fields, message) => logger.debug(plainFields(fields), message),
    info: (fields, message) => logger.info(plainFields(fields), message),
    warn: (fields, message) => logger.warn(plainFields(fields), message),
    error: (fields, message) => logger.error(plainFields(fields), message),
  };
}

/** What JSON has no form for: ids (bigints) in hexadecimal as in all output, errors by their message. */
function plainFields(fields: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plainValue(value)]));
}

function plainValue(value: unknown): unknown {
  if (typeof value === "bigint") return BigInt.asUintN(64, value).toString(16);
  if (value instanceof Error) return value.message;
  if (Array.isArray(value)) return value.map(plainValue);
  if (value instanceof Map) return plainFields(Object.fromEntries(value));
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return plainFields(value as Record<string, unknown>);
  }
  return value;
}

/** `2026-01-31T10:00:00.000Z INFO  became leader term=3`. */
function readable(line: string): string {
  const { time, level, msg, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>> &
    Readonly<Record<"time" | "level" | "msg", string>>;
  const details = Object.entries(fields).map(
    ([name, value]) => ` ${name}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${time} ${level.toUpperCase().padEnd(5)} ${msg}${details.join("")}\n`;
}
