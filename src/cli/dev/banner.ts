/** What `quorate dev` prints first. */
import { packageVersion } from "../package-version.ts";
import { clientUrl, type DevSettings, type MemberPlan } from "./layout.ts";

const DEFAULT_PORT = 2379;

/** `command`: how the user runs quorate from where they are. */
export function banner(plans: readonly MemberPlan[], settings: DevSettings, command: string): string {
  const count = plans.length === 1 ? "1 member" : `${plans.length} members`;
  const endpoints = plans.map((plan) => `127.0.0.1:${plan.clientPort}`).join(",");
  const where = settings.basePort === DEFAULT_PORT ? "" : ` --endpoints ${endpoints.split(",")[0]}`;
  return [
    `Quorate ${packageVersion()}: ${count} on this machine`,
    "",
    ...plans.map((plan) => `  ${plan.name}  ${clientUrl(plan)}  (peers: ${plan.peerPort}, log: ${plan.logFile})`),
    "",
    "Try, in another terminal:",
    "",
    `  ${command} put greeting hello${where}`,
    `  ${command} watch greeting --rev 1${where}`,
    `  etcdctl --endpoints=${endpoints} endpoint status --write-out=table`,
    "",
    "Ctrl-C stops it; started again, it has its data.",
    "",
    "",
  ].join("\n");
}
