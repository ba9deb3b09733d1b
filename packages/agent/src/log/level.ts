/** Serf's five log levels: their words, their order, and what pino calls them. */

export const LOG_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERR"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A level in any case; undefined when there is no such level. */
export function parseLogLevel(text: string): LogLevel | undefined {
  const upper = text.toUpperCase();
  return LOG_LEVELS.find((level) => level === upper);
}

/** Whether a line of `level` is to be seen at `threshold`. */
export function passes(level: LogLevel, threshold: LogLevel): boolean {
  return LOG_LEVELS.indexOf(level) >= LOG_LEVELS.indexOf(threshold);
}

const PINO_NAMES = { TRACE: "trace", DEBUG: "debug", INFO: "info", WARN: "warn", ERR: "error" } as const;

export function pinoLevel(level: LogLevel): (typeof PINO_NAMES)[LogLevel] {
  return PINO_NAMES[level];
}

/** pino's numbers: 10 trace … 50 error, 60 fatal. */
export function levelOfPino(level: number): LogLevel {
  return LOG_LEVELS[Math.min(Math.max(Math.floor(level / 10) - 1, 0), 4)]!;
}
