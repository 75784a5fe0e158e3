/**
 * Recipes beside npm's alternatives: locks, semaphores, counters and elections of our library on three members of Quorate
 * (all in processes of their own, or one embedded), and on three of etcd; of `etcd3` on the same etcd; of `redlock` on one
 * Redis.
 *
 *   npm run bench -- --recipes [--seconds 3] [--repeat 3] [--only lock,counter] [--check]
 *
 * Turns alternate between the subjects, so that what else the machine does meets all of them. `--check` ends with exit
 * code 1 if the project's promise is broken: acquire and release without contention, at least twice as often as `etcd3`.
 */
import { parseArgs } from "node:util";
import { ClusterUnderTest } from "../test/support/cluster.ts";
import { missing, versionOf } from "../test/support/programs.ts";
import { describeEnvironment } from "./environment.ts";
import { EmbeddedAmongThree } from "./recipes/embedded-subject.ts";
import { etcd3Subject } from "./recipes/etcd3-subject.ts";
import { type Measure, measures, type Sample, UNCONTENDED } from "./recipes/measures.ts";
import { quorateSubject } from "./recipes/quorate-subject.ts";
import { REDIS, RedisServer, redisSubject } from "./recipes/redis-subject.ts";
import type { Subject } from "./recipes/subject.ts";
import { figure, table } from "./table.ts";

const PROMISED_RATIO = 2;

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "3" },
    repeat: { type: "string", default: "3" },
    only: { type: "string", default: "" },
    check: { type: "boolean", default: false },
  },
});
const seconds = positive("seconds", values.seconds);
const repeat = positive("repeat", values.repeat);
const kinds = values.only.split(",");
const wanted = measures.filter(({ name }) => kinds.some((kind) => name.startsWith(kind)));
if (wanted.length === 0) {
  refuse(`--only is "${values.only}": use beginnings of ${measures.map(({ name }) => `"${name}"`).join(", ")}`);
}

console.log(`${describeEnvironment()}; Redis: ${versionOf(REDIS)}`);
/** To be stopped in the end. */
const servers: { stop(): Promise<void> }[] = [];
try {
  const { etcd3, quorate, subjects } = await startAll();
  for (const measure of wanted) {
    const medians = await inTurns(measure, subjects);
    report(measure, subjects, medians, etcd3);
    if (measure.name === UNCONTENDED) promise(medians.get(quorate), medians.get(etcd3));
  }
} finally {
  for (const server of servers) await server.stop();
}

async function startAll(): Promise<{ etcd3: Subject; quorate: Subject; subjects: readonly Subject[] }> {
  const leaderOf = async (target: "etcd" | "quorate"): Promise<string> => {
    const cluster = await ClusterUnderTest.start({ target });
    servers.push(cluster);
    return (await cluster.leader()).endpoint;
  };
  const etcd = await leaderOf("etcd");
  const etcd3 = await etcd3Subject(etcd);
  const quorate = quorateSubject("Quorate on Quorate", await leaderOf("quorate"));
  const embedded = await EmbeddedAmongThree.start();
  servers.push(embedded);
  const subjects = [etcd3, quorateSubject("Quorate on etcd", etcd), quorate, embedded.subject()];
  if (missing(REDIS) === false) {
    const redis = await RedisServer.start();
    servers.push(redis);
    subjects.push(await redisSubject(redis.port));
  }
  return { etcd3, quorate, subjects };
}

/** The run in the middle of each subject, by its rate. */
async function inTurns(measure: Measure, subjects: readonly Subject[]): Promise<Map<Subject, Sample>> {
  const runs = new Map<Subject, Sample[]>();
  for (let turn = 1; turn <= repeat; turn++) {
    for (const subject of subjects) {
      const sample = await measure.run(subject, seconds);
      if (sample === null) continue;
      runs.set(subject, [...(runs.get(subject) ?? []), sample]);
      console.error(`${measure.name}, turn ${turn}, ${subject.name}: ${figure(sample.perSecond)} a second`);
    }
  }
  return new Map(
    [...runs].map(([subject, samples]) => {
      const sorted = samples.toSorted((a, b) => a.perSecond - b.perSecond);
      return [subject, sorted[sorted.length >> 1] as Sample];
    }),
  );
}

function report(
  { name }: Measure,
  subjects: readonly Subject[],
  medians: ReadonlyMap<Subject, Sample>,
  yardstick: Subject,
): void {
  const rows = subjects.map((subject) => {
    const sample = medians.get(subject);
    if (sample === undefined) return [subject.name, "does not have it"];
    const base = medians.get(yardstick);
    const ratio = base === undefined ? "" : figure(sample.perSecond / base.perSecond);
    return [subject.name, figure(sample.perSecond), figure(sample.p50Ms), figure(sample.p99Ms), ratio];
  });
  console.log(`\n${table([[name, "a second", "50 %, ms", "99 %, ms", `of ${yardstick.name}`], ...rows])}`);
}

function promise(ours: Sample | undefined, theirs: Sample | undefined): void {
  if (ours === undefined || theirs === undefined) return;
  const ratio = ours.perSecond / theirs.perSecond;
  const kept = ratio >= PROMISED_RATIO;
  const what = `lock without contention: at least ${PROMISED_RATIO} times etcd3's rate; it is ${ratio.toFixed(2)}`;
  console.log(`${kept ? "kept  " : "BROKEN"}  ${what}`);
  if (!kept && values.check) process.exitCode = 1;
}

function positive(option: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) refuse(`--${option} is "${text}": use a whole number from 1 up`);
  return value;
}

function refuse(line: string): never {
  console.error(`recipes: ${line}`);
  process.exit(2);
}
