/** A property does not hold: what it is called, and the facts (members, epochs, indexes) that show it. */
export class SafetyViolation extends Error {
  override readonly name = "SafetyViolation";
  readonly property: string;
  readonly facts: Readonly<Record<string, unknown>>;

  constructor(property: string, what: string, facts: Readonly<Record<string, unknown>>) {
    super(`${property}: ${what}`);
    this.property = property;
    this.facts = facts;
  }
}
