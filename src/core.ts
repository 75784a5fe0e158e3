/**
 * `quorate/core`: everything that a program does with a store, and nothing of Node. For browsers, edge runtimes and
 * workers, where the program brings what reaches the cluster: a `Store` of its own, or a `Dialler` for `RemoteStore`.
 * Where there are sockets, `connect` of `quorate` does that.
 *
 * A check (`tools/pure-build.mjs`) bundles this module for browsers and fails on any import of Node.
 *
 * @example
 * ```ts
 * import { Quorate, RemoteStore } from "quorate/core";
 *
 * const store = new RemoteStore({ diallers: [overMyGateway], clock, random });
 * await using q = new Quorate(store);
 * await q.kv.put("config/rate", "100");
 * ```
 *
 * @packageDocumentation
 */
export { AtomicValue, type Versioned } from "./coordination/atomic-value.ts";
export { Barrier, type CloseOptions } from "./coordination/barrier.ts";
export { BlockIds, type BlockIdsOptions } from "./coordination/block-ids.ts";
export { Counter } from "./coordination/counter.ts";
export { DoubleBarrier, type DoubleBarrierOptions, Participation } from "./coordination/double-barrier.ts";
export { Election, type ElectionOptions, type Leader, Leadership } from "./coordination/election.ts";
export { Guard } from "./coordination/guard.ts";
export { HighRateCounter } from "./coordination/high-rate-counter.ts";
export { Hold } from "./coordination/hold.ts";
export { Latch } from "./coordination/latch.ts";
export type { Contender } from "./coordination/line.ts";
export { Group, type GroupOptions, type Member, Membership } from "./coordination/membership.ts";
export { MultiHold, MultiLock, type MultiLockOptions } from "./coordination/multi-lock.ts";
export { Lock, Mutex, type MutexOptions, type Standing } from "./coordination/mutex.ts";
export { Quorate, type QuorateOptions } from "./coordination/quorate.ts";
export {
  type Candidacy,
  RankedElection,
  type RankedElectionOptions,
  type RankedLeader,
  RankedLeadership,
} from "./coordination/ranked-election.ts";
export { RateLimiter, type RateLimiterOptions } from "./coordination/rate-limiter.ts";
export {
  ReadWriteLock,
  type ReadWriteLockOptions,
  Side,
  type SideContender,
  SideLock,
} from "./coordination/read-write-lock.ts";
export {
  type AcquireOptions,
  Permit,
  type PermitContender,
  Semaphore,
  type SemaphoreOptions,
} from "./coordination/semaphore.ts";
export { Session, type SessionOptions, type SessionSource } from "./coordination/session.ts";
export { ShardedCounter, type ShardedCounterOptions } from "./coordination/sharded-counter.ts";
export { SnowflakeIds } from "./coordination/snowflake-ids.ts";
export {
  type Attempt,
  Caller,
  type CallerOptions,
  type ServiceCallOptions,
} from "./discovery/registry/caller.ts";
export type { HealthCheck } from "./discovery/registry/health.ts";
export type {
  Instance,
  InstanceChange,
  InstanceDescription,
  InstanceFilter,
  InstanceState,
} from "./discovery/registry/instance.ts";
export { type RegisterOptions, Registration } from "./discovery/registry/registration.ts";
export { Services, type ServicesView, type ServiceView } from "./discovery/registry/services.ts";
export type { Mark, RegistrySession, RegistrySessions, Settled } from "./discovery/registry/session.ts";
export type { Clock, Random, Scheduled } from "./environment.ts";
export { GrpcStatus, InvariantViolation, QuorateError, type QuorateErrorOptions } from "./errors.ts";
export { Cache } from "./kv/cache.ts";
export type { WatchOptions } from "./kv/changes.ts";
export {
  bytes,
  type Codec,
  type Encoded,
  json,
  plain,
  type Schema,
  type SchemaIssue,
  type SchemaResult,
  text,
} from "./kv/codec.ts";
export {
  type Condition,
  get,
  getAll,
  type Operation,
  type OperationResult,
  put,
  remove,
} from "./kv/conditions.ts";
export { Change, Entry } from "./kv/entry.ts";
export type { Key, Keys } from "./kv/key-range.ts";
export { type Deleted, type DeleteOptions, type GetOptions, Kv, type PutOptions, type Written } from "./kv/kv.ts";
export type { RangeOptions } from "./kv/pages.ts";
export type { Relation } from "./kv/requests.ts";
export { Transaction, type TransactionOptions } from "./kv/transaction.ts";
export { TxnBuilder, type TxnOutcome } from "./kv/txn-builder.ts";
export { type BalancerOptions, type PolicyName } from "./placement/balance/balancer.ts";
export type { OutlierOptions } from "./placement/balance/outliers.ts";
export type { Picked } from "./placement/balance/policy.ts";
export type { PoolOptions } from "./placement/balance/pool.ts";
export type { SlowStartOptions } from "./placement/balance/slow-start.ts";
export type { PlacementKey, PlacementNode } from "./placement/placement.ts";
export type { Channel, ChannelCall, Dialler, OutboundStream, StreamEvents } from "./store/channel.ts";
export { CallFailure } from "./store/channel.ts";
export type {
  CallMessage,
  DiagnosticChannel,
  DiagnosticMessages,
  Diagnostics,
  HoldMessage,
  ObservedStore,
  RetryMessage,
  SessionMessage,
  StatusMessage,
} from "./store/diagnostics.ts";
export type { RemoteLimits, RemoteStoreOptions, UserCredentials } from "./store/remote/options.ts";
export { RemoteStore } from "./store/remote/remote-store.ts";
export type {
  CallOptions,
  Consistency,
  LeaseGrant,
  LeaseRenewal,
  LeaseState,
  ReadOptions,
  Reply,
  Store,
  StoreState,
  Watch,
  WatchBatch,
  WatchRequest,
} from "./store/store.ts";
export {
  type ByteString,
  type Compare,
  CompareResult,
  CompareTarget,
  type DeleteRangeRequest,
  type DeleteRangeResult,
  type KeyValue,
  type LeaseId,
  type PutRequest,
  type PutResult,
  type RangeRequest,
  type RangeResult,
  type RequestOp,
  type ResponseHeader,
  type ResponseOp,
  SortOrder,
  SortTarget,
  type TxnRequest,
  type TxnResult,
  type WatchEvent,
} from "./wire/kv.ts";
export type { Method } from "./wire/methods.ts";
export { Consumer, type ConsumerOptions, type ReceiveOptions } from "./work/queue/consumer.ts";
export { type DeadLetter, DeadLetters } from "./work/queue/dead-letters.ts";
export { Delivery } from "./work/queue/delivery.ts";
export { Processor, type ProcessorOptions } from "./work/queue/processor.ts";
export { Queue, type QueueLength, type QueueOptions } from "./work/queue/queue.ts";
export type { SendOptions, Sent } from "./work/queue/sender.ts";
export type { RetryPolicy } from "./work/retry.ts";
export type { When } from "./work/schedules/calendar.ts";
export { type Missed, type Schedule, type ScheduleOptions, Schedules } from "./work/schedules/schedules.ts";
export type { TaskContext, TaskGuard } from "./work/tasks/attempt.ts";
export { TaskHandle, type TaskStatus } from "./work/tasks/handle.ts";
export { TaskWorker, type TaskWorkerOptions } from "./work/tasks/task-worker.ts";
export {
  type SubmitOptions,
  TaskDefinition,
  type TaskHandler,
  type TaskOptions,
  Tasks,
  TaskType,
} from "./work/tasks/tasks.ts";
