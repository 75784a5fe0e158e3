import type { Logger } from "../environment.ts";

const silent = (): void => undefined;

/** Takes log lines and does nothing with them. */
export const nullLogger: Logger = { debug: silent, info: silent, warn: silent, error: silent };
