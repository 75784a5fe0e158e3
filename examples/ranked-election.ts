import { connect } from "quorate";

const endpoints = process.env.QUORATE_ENDPOINTS ?? "http://127.0.0.1:2379";
await using small = await connect(endpoints);
await using large = await connect(endpoints);
const name = "guide/primary";

// The highest number leads, as soon as it is there.
const first = await small.rankedElection(name).campaign({ number: 1, value: "small" });
console.log("leads:", (await small.rankedElection(name).leader())?.value);

// The leader is asked to finish; it has five seconds for that unless `handOverMs` says otherwise.
first.challenged.addEventListener("abort", () => {
  console.log("somebody higher has come, held still:", first.held);
  first.resign().catch((error: unknown) => console.error(error));
});
const second = await large.rankedElection(name).campaign({ number: 7, value: "large" });
console.log(
  "leads:",
  (await small.rankedElection(name).leader())?.value,
  "- larger fence:",
  second.fence > first.fence,
);

// One who is lower waits until it is the highest there is.
const again = small.rankedElection(name).campaign({ number: 1, value: "small" });
await second.resign();
console.log("leads:", (await again).number);
await (await again).resign();
