/**
 * Numbers for machines that watch us, in Prometheus' text format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/).
 *
 * A registry holds families; a family holds a value for each set of labels. Values may be asked for when the page is
 * made, so that nothing has to be kept up to date in between.
 */
export type Labels = Readonly<Record<string, string>>;

interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly lines: () => string[];
}

const NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;

/** One number of a counter. */
export interface Cell {
  value: number;
}

export class Counter {
  readonly #name: string;
  readonly #cells = new Map<string, Cell>();

  constructor(name: string) {
    this.#name = name;
  }

  add(amount = 1, labels: Labels = {}): void {
    if (amount < 0) throw new RangeError(`counter ${this.#name} cannot fall, but was given ${amount}`);
    this.cell(labels).value += amount;
  }

  /** The number for these labels, to be kept and raised by whoever counts often. */
  cell(labels: Labels): Cell {
    const key = labelText(labels);
    let cell = this.#cells.get(key);
    if (cell === undefined) {
      cell = { value: 0 };
      this.#cells.set(key, cell);
    }
    return cell;
  }

  lines(): string[] {
    return [...this.#cells].map(([labels, { value }]) => `${this.#name}${labels} ${numberText(value)}`);
  }
}

export class Histogram {
  readonly #name: string;
  /** Upper bounds, ascending; a last one of infinity is understood. */
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  constructor(name: string, bounds: readonly number[]) {
    this.#name = name;
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  observe(value: number): void {
    this.#sum += value;
    this.#count += 1;
    const at = this.#bounds.findIndex((bound) => value <= bound);
    if (at >= 0) this.#counts[at] = (this.#counts[at] ?? 0) + 1;
  }

  lines(): string[] {
    let below = 0;
    const lines = this.#bounds.map((bound, at) => {
      below += this.#counts[at] ?? 0;
      return `${this.#name}_bucket{le="${numberText(bound)}"} ${below}`;
    });
    lines.push(`${this.#name}_bucket{le="+Inf"} ${this.#count}`);
    lines.push(`${this.#name}_sum ${numberText(this.#sum)}`, `${this.#name}_count ${this.#count}`);
    return lines;
  }
}

export class Metrics {
  readonly #families = new Map<string, Family>();

  counter(name: string, help: string): Counter {
    const counter = new Counter(name);
    this.#add({ name, help, type: "counter", lines: () => counter.lines() });
    return counter;
  }

  histogram(name: string, help: string, bounds: readonly number[]): Histogram {
    const histogram = new Histogram(name, bounds);
    this.#add({ name, help, type: "histogram", lines: () => histogram.lines() });
    return histogram;
  }

  /** A value that is read when the page is made. */
  observed(type: "counter" | "gauge", name: string, help: string, read: () => number, labels: Labels = {}): void {
    this.#add({ name, help, type, lines: () => [`${name}${labelText(labels)} ${numberText(read())}`] });
  }

  /** The whole page. */
  text(): string {
    let page = "";
    for (const { name, help, type, lines } of this.#families.values()) {
      page += `# HELP ${name} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}\n# TYPE ${name} ${type}\n`;
      for (const line of lines()) page += `${line}\n`;
    }
    return page;
  }

  #add(family: Family): void {
    if (!NAME.test(family.name)) throw new RangeError(`"${family.name}" cannot be the name of a metric`);
    if (this.#families.has(family.name)) throw new RangeError(`the metric ${family.name} exists already`);
    this.#families.set(family.name, family);
  }
}

function labelText(labels: Labels): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
    return `${name}="${escaped}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  if (value === Number.NEGATIVE_INFINITY) return "-Inf";
  return Number.isNaN(value) ? "NaN" : String(value);
}
