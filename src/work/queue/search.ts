/**
 * Finds what is ready, and claims it: two round trips for any number of messages.
 *
 *     1  one transaction reads, of every dirty lane: names of messages, names of claims, marks of lines
 *     2  for each that nobody has: if it is still there and its claim absent ─▶ claim on this session's lease, read it
 */
import { getOp, isAbsent, isCreatedAt, prefixRange, putOp, rangeAt, rangeRequest } from "../../kv/requests.ts";
import type { Wait } from "../../kv/wait.ts";
import type { Store } from "../../store/store.ts";
import type { ByteString, KeyValue, RequestOp, ResponseOp } from "../../wire/kv.ts";
import type { Combiner, Stepped } from "../combiner.ts";
import { momentOf } from "../stamps.ts";
import { Claim } from "./claim.ts";
import type { Found } from "./delivery.ts";
import { decodeStored } from "./envelope.ts";
import type { Lanes } from "./lanes.ts";
import { type Layout, tokenOf } from "./layout.ts";

/** A message that was claimed. `begun`: how often before. */
export interface ClaimedMessage {
  readonly type: "message";
  readonly claim: Claim;
  readonly found: Found;
  readonly begun: number;
}

/** A line that was claimed. */
export interface ClaimedLine {
  readonly type: "line";
  readonly claim: Claim;
  readonly lane: number;
  readonly part: ByteString;
}

export type Claimed = ClaimedMessage | ClaimedLine;

type Candidate =
  | { readonly type: "message"; readonly lane: number; readonly kv: KeyValue }
  | { readonly type: "line"; readonly lane: number; readonly part: ByteString };

export interface SearchResult {
  readonly claimed: readonly Claimed[];
  /** When the next delayed message is due, ms of Unix time; null: none is known. */
  readonly nextDue: number | null;
}

/** Names read of a lane beyond those that are wanted, because others may have them. */
const SPARE = 16;
const MOST_LINES = 32;
const MOST_READ = 2_048;

export class Search {
  readonly #store: Store;
  readonly #layout: Layout;
  readonly #lanes: Lanes;
  readonly #self: ByteString;
  #depth = SPARE;

  constructor(store: Store, layout: Layout, lanes: Lanes, self: ByteString) {
    this.#store = store;
    this.#layout = layout;
    this.#lanes = lanes;
    this.#self = self;
  }

  /** Claims up to so many. */
  async claim(combiner: Combiner, want: number, wait: Wait): Promise<SearchResult> {
    const layout = this.#layout;
    const lanes = this.#lanes.toLookInto(this.#store.clock.now());
    const limit = want + this.#depth;
    const success = [
      under(layout.consumers, { keysOnly: true }),
      under(layout.allDelayed, { keysOnly: true, limit: 1 }),
      ...lanes.flatMap((lane) => [
        under(layout.ready(lane), { keysOnly: true, limit }),
        under(layout.claims(lane), { keysOnly: true }),
        under(layout.lineMarks(lane), { keysOnly: true, limit: MOST_LINES + this.#depth }),
      ]),
    ];
    const reply = await wait.for(this.#store.txn({ compare: [], success, failure: [] }, wait.call()));
    const { responses, header } = reply;
    const members = namesAt(responses, 0, layout.consumers);
    this.#lanes.share(members, this.#self);
    const due = rangeAt(responses, 1).kvs[0]?.key;
    const nextDue = due === undefined ? null : momentOf(due.slice(layout.allDelayed.length).split("/")[0] ?? "");

    const messages: Candidate[] = [];
    const lines: Candidate[] = [];
    let isCut = false;
    const free = lanes.map((lane, at) => {
      const claims = new Set(namesAt(responses, 3 + 3 * at, layout.claims(lane)));
      const ready = rangeAt(responses, 2 + 3 * at);
      const marks = rangeAt(responses, 4 + 3 * at);
      const open = ready.kvs.filter(({ key }) => !claims.has(tokenOf(key)));
      const parts = marks.kvs
        .map(({ key }) => key.slice(layout.lineMarks(lane).length))
        .filter((part) => !claims.has(`@${part}`));
      for (const kv of open) messages.push({ type: "message", lane, kv });
      for (const part of parts) lines.push({ type: "line", lane, part });
      isCut ||= (ready.more && open.length < want) || (marks.more && parts.length === 0);
      return { lane, count: open.length + parts.length, isWhole: !ready.more && !marks.more };
    });
    // Many at the head that others have: look further next time.
    this.#depth = isCut ? Math.min(MOST_READ, 2 * this.#depth) : SPARE;

    const chosen = this.#choose(messages, lines, want);
    for (const { lane, count, isWhole } of free) {
      const taken = chosen.filter((candidate) => candidate.lane === lane).length;
      if (isWhole && taken === count) this.#lanes.seen(lane, header.revision);
    }
    const claimed = await Promise.all(chosen.map((candidate) => this.#claimOne(combiner, candidate)));
    return { claimed: claimed.filter((one) => one !== null), nextDue };
  }

  /** Messages by priority, then by time; lines from anywhere, so that none is always the last. Half of each. */
  #choose(messages: Candidate[], lines: Candidate[], want: number): readonly Candidate[] {
    messages.sort((a, b) => (orderOf(this.#layout, a) < orderOf(this.#layout, b) ? -1 : 1));
    const from = lines.length === 0 ? 0 : this.#store.random.uint32() % lines.length;
    const turned = [...lines.slice(from), ...lines.slice(0, from)];
    const lineCount = Math.max(Math.ceil(want / 2), want - messages.length);
    const chosen = turned.slice(0, lineCount);
    return [...messages.slice(0, want - chosen.length), ...chosen];
  }

  #claimOne(combiner: Combiner, candidate: Candidate): Promise<Claimed | null> {
    return candidate.type === "message"
      ? this.#claimMessage(combiner, candidate)
      : this.#claimLine(combiner, candidate);
  }

  async #claimMessage(
    combiner: Combiner,
    { lane, kv }: Extract<Candidate, { type: "message" }>,
  ): Promise<ClaimedMessage | null> {
    const token = tokenOf(kv.key);
    const key = this.#layout.claim(lane, token);
    const stepped = await combiner.add({
      request: {
        compare: [isAbsent(key), isCreatedAt(kv.key, kv.createRevision)],
        success: [putOp(key, this.#self, combiner.session.id), getOp(kv.key), begin(this.#layout.begun(token))],
        failure: [],
      },
    });
    if (!stepped.succeeded) return null;
    const stored = await this.#read(stepped, 1, kv.key);
    const claim = new Claim(combiner, key, stepped.revision, `the message ${token}`);
    // Gone already: the claim was lost before its answer was here.
    if (stored === undefined) return null;
    const found = {
      key: kv.key,
      createRevision: kv.createRevision,
      token,
      stored: decodeStored(kv.key, stored.value),
    };
    return { type: "message", claim, found, begun: await begunBefore(this.#store, this.#layout, token, stepped, 2) };
  }

  async #claimLine(
    combiner: Combiner,
    { lane, part }: Extract<Candidate, { type: "line" }>,
  ): Promise<ClaimedLine | null> {
    const key = this.#layout.lineClaim(lane, part);
    const stepped = await combiner.add({
      request: { compare: [isAbsent(key)], success: [putOp(key, this.#self, combiner.session.id)], failure: [] },
    });
    if (!stepped.succeeded) return null;
    const claim = new Claim(combiner, key, stepped.revision, `the line ${part}`);
    return { type: "line", claim, lane, part };
  }

  async #read(stepped: Stepped, at: number, key: ByteString): Promise<KeyValue | undefined> {
    if (stepped.responses !== null) return rangeAt(stepped.responses, at).kvs[0];
    return (await this.#store.range(rangeRequest(key))).kvs[0];
  }
}

/** Notes that a message is begun: the first time at once; else it is told how often it was. */
export function begin(key: ByteString): RequestOp {
  return {
    type: "txn",
    request: { compare: [isAbsent(key)], success: [putOp(key, "1")], failure: [getOp(key)] },
  };
}

/** How often a message had been begun before `begin`, the operation `at` of a step. */
export async function begunBefore(
  store: Store,
  layout: Layout,
  token: ByteString,
  { responses, revision }: Stepped,
  at: number,
): Promise<number> {
  const response = responses?.[at];
  if (response?.type === "txn") {
    return response.result.succeeded ? 0 : Number(rangeAt(response.result.responses, 0).kvs[0]?.value ?? 0);
  }
  const kv = (await store.range(rangeRequest(layout.begun(token)))).kvs[0];
  return kv === undefined || kv.createRevision === revision ? 0 : Number(kv.value);
}

function under(prefix: ByteString, options: { readonly keysOnly: boolean; readonly limit?: number }): RequestOp {
  const { key, rangeEnd } = prefixRange(prefix);
  return getOp(key, { rangeEnd, ...options });
}

function namesAt(responses: readonly ResponseOp[], at: number, prefix: ByteString): readonly ByteString[] {
  return rangeAt(responses, at).kvs.map(({ key }) => key.slice(prefix.length));
}

/** Priority and token, whatever the lane. */
function orderOf(layout: Layout, candidate: Candidate): ByteString {
  if (candidate.type === "line") return "";
  return candidate.kv.key.slice(layout.ready(candidate.lane).length);
}
