/** What one client may do to us, each limit with what happens beyond it. */

/** So many at once, and so many more for each second that passes. */
export interface BudgetLimits {
  readonly burst: number;
  readonly perSecond: number;
}

export interface Limits {
  /** Streams open at once; a client that knows of the limit waits, others are answered REFUSED_STREAM. */
  readonly maxConcurrentStreams: number;
  /** Bytes of answers that wait for the client to read; above it the connection is cut, as nothing would be read. */
  readonly maxUnreadBytes: number;
  /** Memory of messages that have begun and not ended; a call above it is answered RESOURCE_EXHAUSTED. */
  readonly maxUnfinishedBytes: number;
  /** Octets of one request's header fields (RFC 9113 §6.5.2); above it the call is answered 431. */
  readonly maxHeaderListBytes: number;
  /** CONTINUATION frames of one header block (CVE-2024-27983 and its kind); above it GOAWAY ENHANCE_YOUR_CALM. */
  readonly maxContinuations: number;
  /** Acknowledgements, resets and the like that wait for the client to read; above it the connection is cut. */
  readonly maxWaitingAnswers: number;
  /**
   * Streams that end by a reset, whoever resets: calls that were begun for nothing (CVE-2023-44487, CVE-2025-8671).
   * Above it GOAWAY ENHANCE_YOUR_CALM.
   */
  readonly resets: BudgetLimits;
  /**
   * Frames that bring nothing on: acknowledgements, PING, PRIORITY, GOAWAY, DATA without data, unknown ones, ones for streams that are
   * gone. Above it GOAWAY ENHANCE_YOUR_CALM.
   */
  readonly idleFrames: BudgetLimits;
  /** SETTINGS, each of which may change the windows of all streams. Above it GOAWAY ENHANCE_YOUR_CALM. */
  readonly settings: BudgetLimits;
  /** A client that pings more often, with nothing sent to it in between, gets so many strikes, then GOAWAY. */
  readonly minPingIntervalMs: number;
  readonly maxPingStrikes: number;
  /** The preface and the first SETTINGS must have come by then. */
  readonly handshakeMs: number;
  /** A connection on which nothing comes for this long is pinged. */
  readonly keepaliveIntervalMs: number;
  /** And cut when nothing has come this long after. */
  readonly keepaliveTimeoutMs: number;
  /** How long a client has, after the last words to it, to read them and to close. */
  readonly lingerMs: number;
}

/** What etcd's server allows, where it has such a limit; otherwise far above what clients were seen to do. */
export const DEFAULT_LIMITS: Limits = {
  maxConcurrentStreams: 10_000,
  maxUnreadBytes: 256 * 1024 * 1024,
  maxUnfinishedBytes: 256 * 1024 * 1024,
  maxHeaderListBytes: 64 * 1024,
  maxContinuations: 16,
  maxWaitingAnswers: 10_000,
  // A client whose every call runs out of time at once resets as many streams as it may have.
  resets: { burst: 10_000, perSecond: 200 },
  idleFrames: { burst: 10_000, perSecond: 1_000 },
  settings: { burst: 100, perSecond: 10 },
  minPingIntervalMs: 5_000,
  maxPingStrikes: 2,
  handshakeMs: 10_000,
  keepaliveIntervalMs: 2 * 3_600_000,
  keepaliveTimeoutMs: 20_000,
  lingerMs: 500,
};
