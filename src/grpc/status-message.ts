/** "grpc-message": the text of a status, as header fields carry it (gRPC over HTTP/2, "Percent-Encoded"). */

/** Octets of a status message as it is sent; some clients take only 8 KiB of header fields. */
const LONGEST_MESSAGE = 4_096;

/**
 * Printable ASCII as it is, other octets of the UTF-8 as "%" and two digits; blanks at either end, too, where no field
 * value may have them (RFC 9113 §8.2.1).
 */
export function percentEncode(message: string): string {
  let text = "";
  const octets = new TextEncoder().encode(message);
  for (const [at, octet] of octets.entries()) {
    const isAtEnd = at === 0 || at === octets.length - 1 || text.length === LONGEST_MESSAGE - 1;
    const isPlain = octet > SPACE && octet < DELETE && octet !== PERCENT;
    text +=
      isPlain || (octet === SPACE && !isAtEnd)
        ? String.fromCharCode(octet)
        : `%${octet.toString(16).toUpperCase().padStart(2, "0")}`;
    if (text.length >= LONGEST_MESSAGE) break;
  }
  return text;
}

/** What was meant, as far as it can be told: what is no encoding stands for itself. */
export function percentDecode(field: string): string {
  const octets: number[] = [];
  for (let at = 0; at < field.length; at++) {
    const digits = field.charCodeAt(at) === PERCENT ? field.slice(at + 1, at + 3) : "";
    if (/^[0-9a-f]{2}$/i.test(digits)) {
      octets.push(Number.parseInt(digits, 16));
      at += 2;
    } else {
      octets.push(field.charCodeAt(at));
    }
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(octets));
}

const SPACE = 0x20;
const PERCENT = 0x25;
const DELETE = 0x7f;
