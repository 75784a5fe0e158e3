/**
 * A header field: a name and a value, both with one character (U+0000 to U+00FF) per byte.
 *
 * Fields are made once, when they are read as literals, and shared from then on: a field that a client sends by its
 * place in a table is the same object in every request. So what is known of a field is found out once.
 */

/** What a field costs in a table beyond its characters (RFC 7541 §4.1). */
const OVERHEAD = 32;

export class Field {
  readonly name: string;
  readonly value: string;
  /** Octets as HPACK and SETTINGS_MAX_HEADER_LIST_SIZE count them. */
  readonly size: number;
  /** What makes a message that has it malformed (RFC 9113 §8.2.1), in words; null for a sound field. */
  readonly flaw: string | null;

  constructor(name: string, value: string) {
    this.name = name;
    this.value = value;
    this.size = name.length + value.length + OVERHEAD;
    this.flaw = flawOf(name, value);
  }
}

function flawOf(name: string, value: string): string | null {
  // Only the first character may be a colon: then it is a pseudo-header field.
  const start = name.charCodeAt(0) === COLON ? 1 : 0;
  if (name.length === start) return "a field without a name";
  for (let i = start; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isUpper = code >= UPPER_A && code <= UPPER_Z;
    if (code <= SPACE || code >= DELETE || code === COLON || isUpper) {
      return `the field name ${JSON.stringify(name)} has a character that none may have`;
    }
  }
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i);
    if (code === 0 || code === LINE_FEED || code === CARRIAGE_RETURN) {
      return `the value of ${name} has a line end or a zero in it`;
    }
  }
  if (isBlank(value.charCodeAt(0)) || isBlank(value.charCodeAt(value.length - 1))) {
    return `the value of ${name} begins or ends with a blank`;
  }
  return null;
}

function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

const TAB = 0x09;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const SPACE = 0x20;
const COLON = 0x3a;
const UPPER_A = 0x41;
const UPPER_Z = 0x5a;
const DELETE = 0x7f;
