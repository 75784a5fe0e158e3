/** A packet of DNS for a packet: reads the question, has it answered, and makes the answer fit. */
import dnsPacket, { type Packet, type Resource } from "dns-packet";
import { type Answer, answer, type ZoneContent, type ZoneOptions } from "./zone.ts";

/** What every client takes over UDP (RFC 1035). */
const UDP_BYTES = 512;
/** More than this is not sent over UDP whatever a client takes: it would be split on the way (DNS flag day 2020). */
const MOST_UDP_BYTES = 1_232;
/** Of a length of two bytes. */
const MOST_TCP_BYTES = 65_535;
const HEADER_BYTES = 12;
const OPCODE_MASK = 0x7800;

export type Channel = "udp" | "tcp";

/**
 * @param content null: nothing is known of services yet, or no more
 * @returns null if these bytes are to be left without an answer
 */
export function reply(
  bytes: Uint8Array,
  channel: Channel,
  content: ZoneContent | null,
  options: ZoneOptions,
  draw: (below: number) => number,
): Buffer | null {
  // Answers are never answered, or two servers could talk for ever.
  if (bytes.length < HEADER_BYTES || ((bytes[2] ?? 0) & 0x80) !== 0) return null;
  const id = ((bytes[0] ?? 0) << 8) | (bytes[1] ?? 0);
  const flags = ((bytes[2] ?? 0) << 8) | (bytes[3] ?? 0);
  const kept = flags & dnsPacket.RECURSION_DESIRED;
  const base = { id, type: "response", flags: kept } as const;
  let query: Packet;
  try {
    query = dnsPacket.decode(bytes);
  } catch {
    return dnsPacket.encode({ ...base, flags: kept | rcodeOf("FORMERR") });
  }
  const { questions = [], additionals = [] } = query;
  const [question] = questions;
  const opt = additionals.find(({ type }) => type === "OPT");
  const edns: Resource[] =
    opt === undefined ? [] : [{ name: ".", type: "OPT", udpPayloadSize: MOST_UDP_BYTES, flags: 0, data: [] }];
  const say = (rcode: string): Buffer =>
    dnsPacket.encode({ ...base, flags: kept | rcodeOf(rcode), questions, additionals: edns });
  if ((flags & OPCODE_MASK) !== 0) return say("NOTIMP");
  if (question === undefined || questions.length > 1) return say("FORMERR");
  if (question.class !== undefined && question.class !== "IN" && question.class !== "ANY") return say("REFUSED");
  if (content === null) return say("SERVFAIL");
  const found = answer(question, content, options, draw);
  const isOwn = found.rcode !== "REFUSED";
  const head = {
    ...base,
    flags: kept | rcodeOf(found.rcode) | (isOwn ? dnsPacket.AUTHORITATIVE_ANSWER : 0),
    questions,
  };
  const taken = Math.min(Math.max(opt?.udpPayloadSize ?? UDP_BYTES, UDP_BYTES), MOST_UDP_BYTES);
  return fitted(head, found, edns, channel === "udp" ? taken : MOST_TCP_BYTES);
}

/** Addresses that are told along go first, which is no loss; then answers, and the client is told to ask over TCP. */
function fitted(head: Packet, found: Answer, edns: readonly Resource[], most: number): Buffer {
  const { answers, authorities, additionals } = found;
  const whole = dnsPacket.encode({ ...head, answers, authorities, additionals: [...additionals, ...edns] });
  if (whole.length <= most) return whole;
  const bare = dnsPacket.encode({ ...head, answers, authorities, additionals: edns });
  if (bare.length <= most) return bare;
  const flags = (head.flags ?? 0) | dnsPacket.TRUNCATED_RESPONSE;
  // As many as fit: the number is found by halving.
  let [least, tooMany] = [0, answers.length];
  while (tooMany - least > 1) {
    const middle = (least + tooMany) >> 1;
    const tried = dnsPacket.encode({ ...head, flags, answers: answers.slice(0, middle), additionals: edns });
    if (tried.length <= most) least = middle;
    else tooMany = middle;
  }
  return dnsPacket.encode({ ...head, flags, answers: answers.slice(0, least), additionals: edns });
}

const RCODES: Readonly<Record<string, number>> = {
  NOERROR: 0,
  FORMERR: 1,
  SERVFAIL: 2,
  NXDOMAIN: 3,
  NOTIMP: 4,
  REFUSED: 5,
};

function rcodeOf(name: string): number {
  return RCODES[name] ?? 0;
}
