/** What the clients of a run do, and how often. */

/** How often each is chosen, relative to each other. */
export interface OperationMix {
  readonly put: number;
  readonly get: number;
  readonly range: number;
  /** A range at an earlier revision. */
  readonly history: number;
  readonly serializable: number;
  readonly deleteRange: number;
  /** Put only if nobody wrote since it was read. */
  readonly compareAndSet: number;
  /** Several keys at once, all or nothing. */
  readonly multi: number;
  readonly compact: number;
}

export interface WorkloadPlan {
  /** Clients that read and write; each has one call under way at a time. */
  readonly clients: number;
  /** Longest pause between two calls of one client. */
  readonly thinkMs: number;
  readonly keys: number;
  /** Bytes of a value. */
  readonly valueBytes: number;
  readonly mix: OperationMix;
  /** How long a client waits for an answer before it gives up. */
  readonly patienceMs: number;
  /** Clients that watch, and take their watch up elsewhere when it breaks. */
  readonly watchers: number;
  /** Clients that read at whoever leads, or led before. */
  readonly readers: number;
  /** Clients that hold leases with keys, renew them for a while, then let them expire or revoke them. */
  readonly leaseholders: number;
  /** Clients that compete for a lock and write to a guarded resource. */
  readonly lockers: number;
}
