/**
 * etcdserverpb.KV: reads at once or after the replica has caught up, writes through the log.
 *
 * A write's bytes go into the log as the client sent them; they are decoded here only to refuse what cannot succeed.
 */
import { GrpcStatus, QuorateError } from "../../errors.ts";
import { checkDeleteRangeRequest, checkPutRequest, checkRangeRequest, checkTxnRequest } from "../../keyspace/check.ts";
import { CommandKind, encodeCommand, rawCommand } from "../../keyspace/command.ts";
import { etcdErrors } from "../../keyspace/etcd-errors.ts";
import { type CommandResult, isReadOnly } from "../../keyspace/keyspace.ts";
import { hasPuts } from "../../keyspace/txn.ts";
import type { ResponseHeader, TxnRequest } from "../../wire/kv.ts";
import {
  decodeCompactionRequest,
  decodeDeleteRangeRequest,
  decodePutRequest,
  decodeRangeRequest,
  decodeTxnRequest,
  encodeCompactionResponse,
  encodeDeleteRangeResponse,
  encodePutResponse,
  encodeRangeResponse,
  encodeTxnResponse,
} from "../../wire/kv-codec.ts";
import type { Answer, Method } from "../front-door.ts";
import { answering, refuse } from "../messages.ts";
import type { ServiceContext } from "../service-context.ts";
import type { SpaceGuard } from "../space-guard.ts";
import { rangeStream } from "./range-stream.ts";

export function kvMethods(context: ServiceContext, space: SpaceGuard): Method[] {
  const { replica, view, limits } = context;

  /** Proposes a command, and answers with what `encode` makes of its result. */
  const propose = <T extends CommandResult["type"]>(
    command: Uint8Array,
    type: T,
    answer: Answer,
    encode: (header: ResponseHeader, result: Extract<CommandResult, { type: T }>) => Uint8Array,
  ): void => {
    replica.propose(command, (result) => {
      if (result.type === "error") return refuse(answer, result.error);
      answering(answer, () => {
        if (result.type !== type) throw unexpected(type, result.type);
        return encode(view.header(result.revision), result as Extract<CommandResult, { type: T }>);
      });
    });
  };

  const checkSize = (request: Uint8Array): void => {
    if (request.length > limits.maxRequestBytes) throw etcdErrors.requestTooLarge();
  };

  /** Answers with a read: of the state as it is, or once this member has applied all that is committed by now. */
  const read = (serializable: boolean, answer: Answer, run: () => Uint8Array): void => {
    if (serializable) return answering(answer, run);
    replica.linearize((error) => (error === null ? answering(answer, run) : refuse(answer, error)));
  };

  return [
    {
      kind: "unary",
      path: "/etcdserverpb.KV/Range",
      handle(bytes, _call, answer) {
        const request = decodeRangeRequest(bytes);
        checkRangeRequest(request);
        read(request.serializable, answer, () => {
          const { keyspace } = replica;
          return encodeRangeResponse(view.header(keyspace.revision), keyspace.range(request));
        });
      },
    },
    rangeStream(context),
    {
      kind: "unary",
      path: "/etcdserverpb.KV/Put",
      handle(bytes, _call, answer) {
        checkSize(bytes);
        checkPutRequest(decodePutRequest(bytes));
        space.check(bytes.length);
        const command = rawCommand(CommandKind.put, bytes);
        propose(command, "put", answer, (header, { result }) => encodePutResponse(header, result));
      },
    },
    {
      kind: "unary",
      path: "/etcdserverpb.KV/DeleteRange",
      handle(bytes, _call, answer) {
        checkSize(bytes);
        checkDeleteRangeRequest(decodeDeleteRangeRequest(bytes));
        const command = rawCommand(CommandKind.deleteRange, bytes);
        propose(command, "deleteRange", answer, (header, { result }) => encodeDeleteRangeResponse(header, result));
      },
    },
    {
      kind: "unary",
      path: "/etcdserverpb.KV/Txn",
      handle(bytes, _call, answer) {
        checkSize(bytes);
        const request = decodeTxnRequest(bytes);
        checkTxnRequest(request, limits.maxTxnOps);
        if (isReadOnly(request)) {
          read(readsAsItIs(request), answer, () => {
            const { keyspace } = replica;
            return encodeTxnResponse(view.header(keyspace.revision), keyspace.readTxn(request));
          });
          return;
        }
        if (hasPuts(request)) space.check(bytes.length);
        const command = rawCommand(CommandKind.txn, bytes);
        propose(command, "txn", answer, (header, { result }) => encodeTxnResponse(header, result));
      },
    },
    {
      kind: "unary",
      path: "/etcdserverpb.KV/Compact",
      handle(bytes, _call, answer) {
        const { revision } = decodeCompactionRequest(bytes);
        const command = encodeCommand({ type: "compact", revision });
        propose(command, "compact", answer, (header) => encodeCompactionResponse(header));
      },
    },
  ];
}

function unexpected(wanted: string, got: string): QuorateError {
  return new QuorateError("INTERNAL", GrpcStatus.internal, `a command of type ${wanted} had a result of type ${got}`);
}

/** True if all it does is to read serializably. One without operations is not: its comparisons are reads, too. */
function readsAsItIs({ success, failure }: TxnRequest): boolean {
  const ops = [...success, ...failure];
  return ops.length > 0 && ops.every((op) => op.type === "range" && op.request.serializable);
}
