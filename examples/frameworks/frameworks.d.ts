/** As much of each framework as the programs beside this file use, so that they compile without it. */

declare module "express" {
  interface Request {
    readonly params: Readonly<Record<string, string>>;
  }
  interface Response {
    status(code: number): Response;
    json(body: unknown): void;
  }
  interface Express {
    post(path: string, handle: (request: Request, response: Response) => Promise<void>): void;
    listen(port: number): void;
  }
  export default function express(): Express;
}

declare module "fastify" {
  interface Fastify {
    addHook(name: "onReady" | "onClose", run: () => Promise<void>): void;
    get(path: string, handle: () => Promise<unknown>): void;
    listen(options: { readonly port: number }): Promise<string>;
  }
  export default function fastify(): Fastify;
}
