import { type Digest, digestOf, toBase64 } from "$sdk/wire/bytes";
import { parseEnvelope } from "$sdk/trust/envelope";
import { get, post, Problem } from "../../lib/api";

/** How far a signed record is on its way to the ledger. Only "acknowledged" says that it stands. */
export type Way = "at rest" | "sending" | "acknowledged" | "refused" | "unknown";

/** Hands one signed record in, and finds out what became of it when the answer is lost. */
export class Sending {
  way = $state<Way>("at rest");
  position = $state(0);
  id = $state<Digest>(""); // of its payload
  problem = $state.raw<unknown>();
  readTo = $state(0); // it did not stand up to here when that was asked last
  private envelope: Uint8Array | undefined;

  /** Sends a record. The same one can be sent again: it takes effect once. */
  async send(envelope: Uint8Array): Promise<void> {
    this.envelope = envelope;
    this.id = digestOf(parseEnvelope(envelope).payload);
    this.way = "sending";
    this.problem = undefined;
    try {
      const answer = await post<{ position: number; id: Digest }>("/api/v1/governance/records", { envelope: toBase64(envelope) }, AbortSignal.timeout(20_000));
      if (answer.id !== this.id) throw new Error("the answer is about another record");
      this.stands(answer.position);
    } catch (err) {
      this.problem = err;
      // Only an answer says that nothing was stored: a lost connection says nothing.
      this.way = err instanceof Problem && err.status !== 0 && err.status !== 504 ? "refused" : "unknown";
    }
  }

  async again(): Promise<void> {
    if (this.envelope !== undefined) await this.send(this.envelope);
  }

  /** Asks the ledger whether the record stands. */
  async find(): Promise<void> {
    try {
      const found = await get<{ stands: boolean; position?: number; read_to: number }>(`/api/v1/governance/records/${this.id}`, AbortSignal.timeout(15_000));
      if (this.way !== "unknown") return;
      if (found.stands && found.position !== undefined) this.stands(found.position);
      else this.readTo = found.read_to;
    } catch (err) {
      this.problem = err;
    }
  }

  private stands(position: number): void {
    this.position = position;
    this.problem = undefined;
    this.way = "acknowledged";
  }
}
