/** The part of `dns-packet` that is used: it comes without types. */
declare module "dns-packet" {
  export interface Question {
    readonly name: string;
    readonly type: string;
    readonly class?: string;
  }
  export interface Resource {
    readonly name: string;
    readonly type: string;
    readonly ttl?: number;
    readonly data?: unknown;
    readonly udpPayloadSize?: number;
    readonly flags?: number;
  }
  export interface Packet {
    readonly id?: number;
    readonly type?: "query" | "response";
    readonly flags?: number;
    readonly opcode?: string;
    readonly rcode?: string;
    readonly questions?: readonly Question[];
    readonly answers?: readonly Resource[];
    readonly authorities?: readonly Resource[];
    readonly additionals?: readonly Resource[];
  }
  interface DnsPacket {
    readonly AUTHORITATIVE_ANSWER: number;
    readonly TRUNCATED_RESPONSE: number;
    readonly RECURSION_DESIRED: number;
    encode(packet: Packet): Buffer;
    /** @throws Error if the bytes are no packet */
    decode(bytes: Uint8Array): Packet;
  }
  const dnsPacket: DnsPacket;
  export default dnsPacket;
}
