import { ClockRate, VirtualClock } from "../clock.ts";
import { VirtualProcess } from "../process.ts";
import { Timeline } from "../timeline.ts";
import { settle } from "./settle.ts";

/** A clock, and the timeline that moves it: for tests of something that needs no more of a machine. */
export function benchClock(): { clock: VirtualClock; timeline: Timeline } {
  const timeline = new Timeline(settle);
  return { timeline, clock: new VirtualClock(timeline, new ClockRate(timeline), new VirtualProcess(timeline)) };
}
