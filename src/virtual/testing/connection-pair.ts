import type { Connection, Environment, Listener } from "../../environment.ts";
import type { VirtualMachine } from "../machine.ts";
import type { VirtualProcess } from "../process.ts";
import type { MachineRoom } from "./machine-room.ts";

export interface ConnectionPair {
  readonly room: MachineRoom;
  readonly machines: { readonly a: VirtualMachine; readonly b: VirtualMachine };
  readonly a: Environment & { process: VirtualProcess };
  readonly b: Environment & { process: VirtualProcess };
  /** On b, port 1. */
  readonly listener: Listener;
  /** Dialled by a. */
  readonly near: Connection;
  /** Accepted by b. */
  readonly far: Connection;
}

/** Two machines with a connection from a to b. */
export async function pairIn(room: MachineRoom): Promise<ConnectionPair> {
  const machines = { a: room.machine("a"), b: room.machine("b") };
  const a = room.boot(machines.a);
  const b = room.boot(machines.b);
  const accepted = Promise.withResolvers<Connection>();
  const listener = await b.network.listen({ host: "b", port: 1 }, accepted.resolve);
  const near = await room.until(a.network.connect(listener.address, 1000));
  return { room, machines, a, b, listener, near, far: await room.until(accepted.promise) };
}
