/** A competitor's connection to the referee. */
import { connect, type Socket } from "node:net";
import { lines, type Said, type Told } from "./messages.ts";

/** What wants an answer. */
type Asked = Extract<Said, { readonly call: number }>;
type WithoutCall<T> = T extends unknown ? Omit<T, "call"> : never;

export class RefereeLine {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, (answer: number | boolean) => void>();
  #calls = 0;

  private constructor(socket: Socket, onStop: () => void) {
    this.#socket = socket;
    socket.setEncoding("utf8");
    socket.on(
      "data",
      lines((value) => {
        const told = value as Told;
        if (told.tell === "stop") return onStop();
        this.#waiting.get(told.call)?.(told.answer);
        this.#waiting.delete(told.call);
      }),
    );
  }

  /** @param onStop the referee wants an end. @param onLost there is no referee any more */
  static async open(port: number, onStop: () => void, onLost: () => void): Promise<RefereeLine> {
    const socket = connect({ host: "127.0.0.1", port, noDelay: true });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    socket.once("connect", resolve);
    socket.once("error", reject);
    await promise;
    socket.on("close", onLost);
    return new RefereeLine(socket, onStop);
  }

  say(said: Exclude<Said, Asked>): void {
    this.#send(said);
  }

  /** What the referee answers; never, if it is gone. */
  ask(asked: WithoutCall<Asked>): Promise<number | boolean> {
    const call = ++this.#calls;
    const { promise, resolve } = Promise.withResolvers<number | boolean>();
    this.#waiting.set(call, resolve);
    this.#send({ ...asked, call });
    return promise;
  }

  close(): void {
    this.#socket.removeAllListeners("close");
    this.#socket.end();
  }

  #send(said: Said): void {
    this.#socket.write(`${JSON.stringify(said)}\n`);
  }
}
