/** Raft, for simulated clusters. */
import { type EngineKind, engines } from "../engines.ts";

export const raftProtocol: EngineKind = engines.get("raft") as EngineKind;
