import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";

import { repository } from "./repository.js";

/** The program under test: make sdk-test builds it. */
const program = process.env["PORTCULLIS"] ?? repository("bin/portcullis");

const PATIENCE = 60_000;

/** A whole zone in one process of the built program, on loopback. */
export class Zone {
  private process: ChildProcess | undefined;
  ledger = "";

  private constructor(readonly data: string, private readonly port: number, private readonly bank: number) {}

  /** Makes a zone of the template and runs it. Staff may read and write files below out/. */
  static async start(): Promise<Zone> {
    const folder = await mkdtemp(join(tmpdir(), "portcullis-sdk-"));
    const zone = new Zone(join(folder, "fabric"), await freePort(), await freePort());
    await zone.up();
    await mkdir(join(zone.data, "files", "out"), { recursive: true });
    await writeFile(join(zone.data, "files", "notes.txt"), "the gate holds\n");
    return zone;
  }

  /** The folder of an agent. */
  agent(name = "scout"): string {
    return join(this.data, "participants", "agent", name);
  }

  /** Runs the zone, until it can act. */
  async up(): Promise<void> {
    const flags = ["--data", this.data, "--json", "up", "--port", String(this.port), "--bank", `127.0.0.1:${this.bank}`];
    const child = spawn(program, flags, { stdio: ["ignore", "pipe", "inherit"] });
    this.process = child;
    const lines = createInterface({ input: child.stdout });
    const running = (async () => {
      for await (const line of lines) {
        const event = JSON.parse(line) as { event?: string; ledger?: string };
        if (event.event === "running") return event.ledger ?? "";
      }
      throw new Error("the zone ended before it ran");
    })();
    this.ledger = await within(running, "the zone runs");
  }

  /** Ends the zone's process; its data stays. */
  async down(): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    await within(ended, "the zone ends");
  }

  /** Ends the zone and removes its data. */
  async remove(): Promise<void> {
    await this.down();
    await rm(join(this.data, ".."), { recursive: true, force: true });
  }

  /** Runs a command of the program on the zone's data, and gives its output. */
  async run(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(program, ["--data", this.data, ...args], { timeout: PATIENCE });
    return stdout;
  }
}

/** A promise, or an error that says what did not come. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${PATIENCE} ms in vain: ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  server.close();
  await once(server, "close");
  return address.port;
}
