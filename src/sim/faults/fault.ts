/**
 * The faults of a run as data: drawn before it begins, so that they can be printed, replayed, and left out one by one
 * when a failure is made smaller.
 */

/** Which member: a slot (0 is the first), or a role that is looked up when the fault begins. */
export type Target = number | "leader" | "follower";

/** What happens, from when, to whom, how long. `amount` is what its kind says. */
export interface Fault {
  readonly kind: FaultKind;
  /** Milliseconds of true time since the start. */
  readonly at: number;
  /** How long it lasts; 0 for what happens once. */
  readonly forMs: number;
  readonly target: Target;
  /** Of faults between two members: the other one. Of a partition: bit n says which side slot n is on. */
  readonly other: number;
  readonly amount: number;
}

/** In words, for people: what each kind does. */
export const faultKinds = {
  partition: "the members split in two: bytes between the sides vanish",
  oneWayPartition: "bytes from the target's side to the other vanish, not the other way",
  isolate: "the target is cut off from all others",
  cutLink: "bytes from the target to one other vanish",
  flapping: "the target is cut off and joined again every `amount` ms",
  slowLink: "bytes between the target and one other take up to `amount` ms",
  cloggedLink: "a line of `amount` bytes a ms between the target and one other",
  resetLinks: "the target's connections break",
  forgottenLinks: "the target's connections pass nothing on any more, nor do those made soon after, and nobody is told",
  mangle: "engine messages are lost, doubled and delayed, each with the chance `amount`",
  clientCut: "clients can't reach the target, nor it them",
  kill: "kill -9; it starts again `forMs` later",
  crash: "power loss: what was not synced is lost or torn; it starts again `forMs` later",
  crashAll: "power loss of all at once",
  crashLoop: "killed again each time it starts, soon after",
  stop: "asked to stop (SIGTERM); it starts again `forMs` later",
  pause: "the process stands still (SIGSTOP)",
  migrate: "its machine is moved: the process stands still, and its network comes back `amount` ms after it",
  slowDisk: "each disk operation takes up to `amount` ms",
  hangingDisk: "disk operations do not end",
  fullDisk: "there is room for `amount` more bytes",
  failingSync: "a sync fails once and drops its pages; the member ends",
  bitRot: "bits of what the member has on disk flip while it is down",
  misdirectedWrite: "a write lands `amount` bytes away",
  lostFile: "a file of the log or a snapshot vanishes while the member is down",
  clockRate: "its clock runs at `amount` times true time",
  wallClock: "its wall clock jumps to `amount` ms off",
  transfer: "leadership is handed to the target",
  addLearner: "a member is added as a learner, started, and promoted when it is ready",
  addVoter: "a member is added as a voter and started",
  remove: "the target is removed for good",
  replace: "the target loses its whole disk; it is removed, and a new member takes its place",
} as const;
export type FaultKind = keyof typeof faultKinds;

export function describeFault({ kind, at, forMs, target, other, amount }: Fault): string {
  const facts = [`at ${at.toFixed(1)} ms`];
  if (forMs > 0) facts.push(`for ${forMs.toFixed(1)} ms`);
  facts.push(`target ${target}`);
  if (other !== 0) facts.push(`other ${other}`);
  if (amount !== 0) facts.push(`amount ${Number.isInteger(amount) ? amount : amount.toFixed(3)}`);
  return `${kind} ${facts.join(", ")}`;
}
