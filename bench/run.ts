/**
 * `npm run bench`: runs one of the benchmarks by name, with its own options.
 *
 *   npm run bench -- ladder --only put          npm run bench -- --engines
 */
const programs = ["ladder", "failover", "million", "simulation", "engines", "recipes"];

const [first = "", ...rest] = process.argv.slice(2);
const name = first.replace(/^--/, "");
if (!programs.includes(name)) {
  const problem = first === "" ? "say which benchmark" : `there is no benchmark "${name}"`;
  console.error(`bench: ${problem}: ${programs.join(", ")} (bench/README.md says what each answers)`);
  process.exit(2);
}
process.argv.splice(2, process.argv.length - 2, ...rest);
await import(`./${name}.ts`);
