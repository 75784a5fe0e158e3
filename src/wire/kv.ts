/**
 * The messages of etcd's KV and Watch services as Quorate holds them in memory, and their names in the code.
 *
 * Keys and values are *byte strings*: JavaScript strings with one character (0 to 255) for each byte. V8 stores them
 * one byte a character, compares them with `<` in byte order, hashes them, and frees them one by one, while a
 * `Uint8Array` costs 100 bytes more and keeps its whole chunk alive. `byte-string.ts` converts.
 *
 * Revisions, versions and counts are numbers (below 2^53, checked when decoded); lease ids are signed 64-bit bigints.
 * Field names and numbers: `proto/`; the codec is in `kv-codec.ts`.
 */

/** A string with one character (U+0000 to U+00FF) per byte. */
export type ByteString = string;

/** 0n: no lease. */
export type LeaseId = bigint;

/** One version of a key, as clients see it. */
export interface KeyValue {
  readonly key: ByteString;
  /** Revision that created this life of the key; 0 in a delete event. */
  readonly createRevision: number;
  readonly modRevision: number;
  /** 1 when created, +1 with each put; 0 in a delete event. */
  readonly version: number;
  readonly value: ByteString;
  readonly lease: LeaseId;
}

/** In which order a range is given. */
export const SortOrder = { none: 0, ascend: 1, descend: 2 } as const;
/** In which order a range is given. */
export type SortOrder = (typeof SortOrder)[keyof typeof SortOrder];

/** By what a range is ordered. */
export const SortTarget = { key: 0, version: 1, create: 2, mod: 3, value: 4 } as const;
/** By what a range is ordered. */
export type SortTarget = (typeof SortTarget)[keyof typeof SortTarget];

/** A read of a key or a range. */
export interface RangeRequest {
  readonly key: ByteString;
  /** "": just `key`; "\0": all keys from `key` on; else up to but without it. */
  readonly rangeEnd: ByteString;
  /** 0: no limit. */
  readonly limit: number;
  /** <= 0: the current one. */
  readonly revision: number;
  /** As sent: unknown numbers are kept, and refused by the service. */
  readonly sortOrder: number;
  readonly sortTarget: number;
  readonly serializable: boolean;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Revision filters; 0: none. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

/** A put of a key. */
export interface PutRequest {
  readonly key: ByteString;
  readonly value: ByteString;
  readonly lease: LeaseId;
  readonly prevKv: boolean;
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

/** A deletion of a key or a range. */
export interface DeleteRangeRequest {
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  readonly prevKv: boolean;
}

/** How the sides of a comparison lie to each other. */
export const CompareResult = { equal: 0, greater: 1, less: 2, notEqual: 3 } as const;
/** How the sides of a comparison lie to each other. */
export type CompareResult = (typeof CompareResult)[keyof typeof CompareResult];

/** What of a key is compared. */
export const CompareTarget = { version: 0, create: 1, mod: 2, value: 3, lease: 4 } as const;
/** What of a key is compared. */
export type CompareTarget = (typeof CompareTarget)[keyof typeof CompareTarget];

/** A condition of a transaction. */
export interface Compare {
  /** As sent; unknown numbers are kept. */
  readonly result: number;
  readonly target: number;
  readonly key: ByteString;
  readonly rangeEnd: ByteString;
  /** The one that belongs to `target` counts; others are zero. */
  readonly version: number;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly value: ByteString;
  readonly lease: LeaseId;
}

/** One operation of a transaction; a transaction may be one of them. */
export type RequestOp =
  | { readonly type: "range"; readonly request: RangeRequest }
  | { readonly type: "put"; readonly request: PutRequest }
  | { readonly type: "deleteRange"; readonly request: DeleteRangeRequest }
  | { readonly type: "txn"; readonly request: TxnRequest }
  /** A RequestOp without content, which etcd answers with "key not found". */
  | { readonly type: "empty" };

/** Conditions, what to do if all hold, and what else. */
export interface TxnRequest {
  readonly compare: readonly Compare[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export interface CompactionRequest {
  readonly revision: number;
  readonly physical: boolean;
}

/** On every reply. */
export interface ResponseHeader {
  readonly clusterId: bigint;
  readonly memberId: bigint;
  readonly revision: number;
  readonly raftTerm: number;
}

/** Results come without a header: the server adds one when it encodes a reply; those inside a transaction have none. */
export interface RangeResult {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
  /** Encode kvs without their values (the codec leaves them out, nothing is copied). */
  readonly keysOnly: boolean;
}

/** What came of a put. */
export interface PutResult {
  readonly prevKv: KeyValue | null;
}

/** What came of a deletion. */
export interface DeleteRangeResult {
  readonly deleted: number;
  readonly prevKvs: readonly KeyValue[];
}

/** Which branch was taken, and what came of its operations. */
export interface TxnResult {
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

/**
 * `revision` is the one in the header of the nested response: etcd sets it for ranges, puts and deletes; a nested
 * transaction's is 0.
 */
export type ResponseOp =
  | { readonly type: "range"; readonly revision: number; readonly result: RangeResult }
  | { readonly type: "put"; readonly revision: number; readonly result: PutResult }
  | { readonly type: "deleteRange"; readonly revision: number; readonly result: DeleteRangeResult }
  | { readonly type: "txn"; readonly revision: number; readonly result: TxnResult };

/** A change, as a watcher is told of it. A delete's `kv` has only its key and the revision of the delete. */
export interface WatchEvent {
  readonly type: "put" | "delete";
  readonly kv: KeyValue;
  readonly prevKv: KeyValue | null;
}

export interface WatchResponse {
  readonly header: ResponseHeader;
  readonly watchId: number;
  readonly created: boolean;
  readonly canceled: boolean;
  readonly compactRevision: number;
  readonly cancelReason: string;
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}
