import { marshalList, seal, type SigningKey } from "../trust/envelope.js";
import type { Digest } from "../wire/bytes.js";
import { KINDS } from "../wire/kinds.js";
import { MAX_ITEMS, MAX_PAYLOAD } from "../wire/limits.js";

const MAX_IN_FLIGHT = 4; // lists on their way at once
const ITEM_OVERHEAD = 16; // bytes of framing for one item, at most

interface Queued {
  item: Uint8Array;
  settle: () => void;
  fail: (err: unknown) => void;
}

/** Appends intents in lists: what queues up while the last list is on its way shares the next one. Nothing waits for company. */
export class Outbox {
  private queue: Queued[] = [];
  private flying = 0;

  constructor(
    private readonly ledger: Digest,
    private readonly key: SigningKey,
    private readonly append: (data: Uint8Array) => Promise<unknown>,
  ) {}

  /** Queues one intent; settles when the ledger acknowledged it. */
  send(item: Uint8Array): Promise<void> {
    return new Promise((settle, fail) => {
      this.queue.push({ item, settle, fail });
      queueMicrotask(() => this.run());
    });
  }

  private run(): void {
    while (this.flying < MAX_IN_FLIGHT && this.queue.length > 0) {
      this.flying++;
      void this.fly(this.take());
    }
  }

  /** The next list's items: at most one payload's bytes. */
  private take(): Queued[] {
    let size = 64;
    let n = 0;
    for (const { item } of this.queue) {
      size += item.length + ITEM_OVERHEAD;
      if (n === MAX_ITEMS || (n > 0 && size > MAX_PAYLOAD)) break;
      n++;
    }
    return this.queue.splice(0, n);
  }

  private async fly(batch: Queued[]): Promise<void> {
    try {
      const payload = marshalList(this.ledger, batch.map((q) => q.item));
      await this.append(seal(KINDS.intent.payloadType, payload, this.key));
      for (const q of batch) q.settle();
    } catch (err) {
      for (const q of batch) q.fail(err);
    } finally {
      this.flying--;
      this.run();
    }
  }
}
