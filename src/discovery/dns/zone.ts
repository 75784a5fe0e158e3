/**
 * What DNS says of services: questions and instances in, records out. Pure.
 *
 *     shop.service.quorate         A, AAAA   addresses of the instances that are up
 *     shop.service.quorate         SRV       their ports, with targets of which the addresses are told along
 *     _shop._tcp.quorate           SRV       the same, as RFC 2782 has it
 *     0a000007.addr.quorate        A, AAAA   the address that is in the name: what SRV records of IP addresses point at
 *     quorate                      SOA, NS
 *
 * A name that is none, or of a service without instances, does not exist (NXDOMAIN); of one whose instances take no calls
 * it does, and has no records. Both say so with the zone's SOA, whose `minimum` is how long that may be believed (RFC 2308).
 * Instances with a host's name as their address are told of by SRV alone.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Question, Resource } from "dns-packet";
import type { Instance } from "../registry/instance.ts";

export interface ZoneOptions {
  /** In lower case, without a dot at its end. */
  readonly domain: string;
  /** Of all records, seconds. */
  readonly ttlSeconds: number;
  /** Where those stand who ask: instances there have the better priority. */
  readonly zone?: string;
}

/** An answer without its packet. */
export interface Answer {
  readonly rcode: "NOERROR" | "NXDOMAIN" | "REFUSED";
  readonly answers: readonly Resource[];
  readonly authorities: readonly Resource[];
  readonly additionals: readonly Resource[];
}

/** What is known of services at a revision. */
export interface ZoneContent {
  readonly revision: number;
  readonly services: ReadonlyMap<string, readonly Instance[]>;
}

/** Of SRV: the own zone, the others. */
const [NEAR, FAR] = [0, 1];
/** Steps in which weights up to 1,000 are told; SRV has room up to 65,535. */
const WEIGHT_STEPS = 60;

/**
 * @param draw a number from 0 up to, and without, the one given: who comes first is left to chance, because most clients
 *   take the first
 */
export function answer(
  question: Question,
  content: ZoneContent,
  options: ZoneOptions,
  draw: (below: number) => number,
): Answer {
  const { domain } = options;
  const name = question.name.toLowerCase().replace(/\.$/, "");
  if (name !== domain && !name.endsWith(`.${domain}`)) return REFUSED;
  const labels = name.slice(0, -domain.length).split(".").filter(Boolean);
  const found = find(labels, content);
  const soa = soaOf(content, options);
  if (found === null) return { ...NONE, rcode: "NXDOMAIN", authorities: [soa] };
  const records = recordsOf(found, question, options, draw);
  if (found.is === "apex") {
    if (wants(question, "SOA")) records.answers.push(soa);
    if (wants(question, "NS")) records.answers.push(record(question.name, "NS", `ns.${domain}`, options));
  }
  const authorities = records.answers.length === 0 ? [soa] : [];
  return { rcode: "NOERROR", answers: records.answers, authorities, additionals: records.additionals };
}

const NONE = { answers: [], authorities: [], additionals: [] } as const;
const REFUSED: Answer = { rcode: "REFUSED", ...NONE };

type Found =
  | { readonly is: "apex" }
  /** A part of the zone that has names below it, and no records. */
  | { readonly is: "folder" }
  | { readonly is: "address"; readonly address: string }
  | { readonly is: "service"; readonly instances: readonly Instance[]; readonly isSrvOnly: boolean };

function find(labels: readonly string[], { services }: ZoneContent): Found | null {
  const [first = "", second = "", ...more] = labels;
  if (labels.length === 0) return { is: "apex" };
  if (labels.length === 1) return first === "service" || first === "addr" || first === "_tcp" ? { is: "folder" } : null;
  if (second === "addr" && more.length === 0) {
    const address = addressIn(first);
    return address === null ? null : { is: "address", address };
  }
  const isSrvOnly = second === "_tcp" && more.length === 0 && first.startsWith("_");
  // A service's name may have dots in it.
  const service = isSrvOnly ? first.slice(1) : labels.at(-1) === "service" ? labels.slice(0, -1).join(".") : null;
  const instances = service === null ? undefined : named(services, service);
  return instances === undefined ? null : { is: "service", instances, isSrvOnly };
}

/** DNS does not know capital letters. */
function named(services: ZoneContent["services"], name: string): readonly Instance[] | undefined {
  const exact = services.get(name);
  if (exact !== undefined) return exact;
  for (const [service, instances] of services) if (service.toLowerCase() === name) return instances;
  return undefined;
}

interface Records {
  readonly answers: Resource[];
  readonly additionals: Resource[];
}

function recordsOf(found: Found, question: Question, options: ZoneOptions, draw: (below: number) => number): Records {
  const answers: Resource[] = [];
  const additionals: Resource[] = [];
  const { name } = question;
  if (found.is === "address") answers.push(...addressRecord(name, found.address, question, options));
  if (found.is !== "service") return { answers, additionals };
  const up = shuffled(
    found.instances.filter(({ state }) => state === "up"),
    draw,
  );
  if (!found.isSrvOnly) {
    const seen = new Set<string>();
    for (const { address } of up) {
      if (!seen.has(address)) answers.push(...addressRecord(name, address, question, options));
      seen.add(address);
    }
  }
  if (!wants(question, "SRV")) return { answers, additionals };
  const told = new Set<string>();
  for (const { address, port, weight, zone } of up) {
    const target = targetOf(address, options);
    const priority = options.zone === undefined || zone === options.zone ? NEAR : FAR;
    const data = { priority, weight: Math.max(1, Math.round(weight * WEIGHT_STEPS)), port, target };
    answers.push(record(name, "SRV", data, options));
    if (!told.has(target)) additionals.push(...addressRecord(target, address, { name: target, type: "ANY" }, options));
    told.add(target);
  }
  return { answers, additionals };
}

function wants({ type }: Question, wanted: string): boolean {
  return type === wanted || type === "ANY";
}

function record(name: string, type: string, data: unknown, { ttlSeconds }: ZoneOptions): Resource {
  return { name, type, ttl: ttlSeconds, data };
}

function addressRecord(name: string, address: string, question: Question, options: ZoneOptions): Resource[] {
  const type = isIPv4(address) ? "A" : isIPv6(address) ? "AAAA" : null;
  return type !== null && wants(question, type) ? [record(name, type, address, options)] : [];
}

function soaOf({ revision }: ZoneContent, options: ZoneOptions): Resource {
  const { domain, ttlSeconds } = options;
  const data = {
    mname: `ns.${domain}`,
    rname: `hostmaster.${domain}`,
    // Serials have 32 bits, and are compared around their end (RFC 1982).
    serial: revision % 2 ** 32,
    refresh: 3_600,
    retry: 600,
    expire: 86_400,
    minimum: ttlSeconds,
  };
  return record(domain, "SOA", data, options);
}

/** A name for an address: its bytes in hexadecimal digits. A host's name is one already. */
function targetOf(address: string, { domain }: ZoneOptions): string {
  if (isIPv4(address)) {
    const bytes = address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"));
    return `${bytes.join("")}.addr.${domain}`;
  }
  return isIPv6(address) ? `${groupsOf(address).join("")}.addr.${domain}` : address;
}

/** Null: no label of an address. */
function addressIn(label: string): string | null {
  if (/^[0-9a-f]{8}$/.test(label)) return (label.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)).join(".");
  return /^[0-9a-f]{32}$/.test(label) ? (label.match(/..../g) ?? []).join(":") : null;
}

/** The eight groups of an IPv6 address, four digits each. */
function groupsOf(address: string): string[] {
  // The canonical form that URLs have, without a zone index and with a dotted end turned into groups.
  const canonical = new URL(`http://[${address.replace(/%.*$/, "")}]/`).hostname.slice(1, -1);
  const [head = "", tail] = canonical.split("::");
  const left = head.split(":").filter(Boolean);
  const right = (tail ?? "").split(":").filter(Boolean);
  const gap = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array.from({ length: gap }, () => "0"), ...right].map((group) => group.padStart(4, "0"));
}

function shuffled<T>(items: readonly T[], draw: (below: number) => number): T[] {
  const mixed = [...items];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = draw(i + 1);
    [mixed[i], mixed[j]] = [mixed[j] as T, mixed[i] as T];
  }
  return mixed;
}
