import { type Identity as Entry, LogKeyAlgorithm, Role } from "../gen/portcullis/v1/release_pb.js";
import { utf8 } from "../wire/bytes.js";
import { type Checkpoint, MAX_NOTE, parseCheckpoint } from "./checkpoint.js";
import { openNote } from "./note.js";
import { recorderVerifier, type Verifier, witnessVerifier } from "./verifier.js";

/** A checkpoint that a recorder of the release signed with all its keys. */
export interface Signed extends Checkpoint {
  recorder: string;
  cosigned: string[]; // witnesses of the release, each key once
}

interface Signer {
  name: string;
  keys: Verifier[];
}

/** Whose signatures make a checkpoint of one tree worth something: what governors signed in a release. */
export class LogKeys {
  private readonly recorders: Signer[] = [];
  private readonly witnesses: Signer[] = [];

  constructor(readonly origin: string, directory: readonly Entry[], readonly threshold: number) {
    for (const p of directory) {
      if (p.role === Role.RECORDER && p.logKeys.length > 0) this.recorders.push({ name: p.name, keys: recorderVerifiers(origin, p) });
      if (p.role === Role.WITNESS && p.verifier !== "") this.witnesses.push({ name: p.name, keys: [witnessVerifier(p.verifier)] });
    }
  }

  /**
   * Reads a signed note. Throws for another origin, a note that lacks one of its
   * recorder's signatures, and one in which a known key's does not verify.
   * Whether enough witnesses cosigned is the caller's to ask.
   */
  open(signed: string): Signed {
    if (utf8(signed).length > MAX_NOTE) throw new Error(`checkpoint: a note has at most ${MAX_NOTE} bytes`);
    const note = openNote(signed, this.known());
    const checkpoint = parseCheckpoint(note.text);
    if (checkpoint.origin !== this.origin) throw new Error(`checkpoint: it is of ${checkpoint.origin}, this tree is ${this.origin}`);
    const has = (key: Verifier) => [...note.signed].some((v) => v.name === key.name && v.hash === key.hash);
    const recorder = this.recorders.find((r) => r.keys.every(has));
    if (recorder === undefined) throw new Error("checkpoint: no recorder of the release signed it with all its keys");
    return { ...checkpoint, recorder: recorder.name, cosigned: this.cosigned(has) };
  }

  /** All keys, each once: two participants may have one. */
  private known(): Verifier[] {
    const all = [...this.recorders, ...this.witnesses].flatMap((s) => s.keys);
    return all.filter((key, i) => all.findIndex((v) => v.name === key.name && v.hash === key.hash) === i);
  }

  private cosigned(has: (key: Verifier) => boolean): string[] {
    const counted = new Set<string>(); // one key under two names counts once
    const names: string[] = [];
    for (const { name, keys } of this.witnesses) {
      const key = keys[0];
      if (key === undefined || !has(key) || counted.has(key.public)) continue;
      counted.add(key.public);
      names.push(name);
    }
    return names;
  }
}

/** Throws for log keys and verifiers of a directory's entry that no checkpoint could be checked by. */
export function checkLogIdentity(p: Entry): void {
  if (p.role !== Role.RECORDER && p.logKeys.length > 0) throw new Error(`directory: ${p.name}: only recorders have log_keys`);
  if (p.role !== Role.WITNESS && p.verifier !== "") throw new Error(`directory: ${p.name}: only witnesses have a verifier`);
  recorderVerifiers("origin", p);
  if (p.verifier !== "") witnessVerifier(p.verifier);
}

function recorderVerifiers(origin: string, p: Entry): Verifier[] {
  const algorithms = new Set(p.logKeys.map((k) => k.algorithm));
  if (algorithms.size !== p.logKeys.length) throw new Error(`${p.name}: two log_keys of one algorithm`);
  if (p.logKeys.length > 0 && !algorithms.has(LogKeyAlgorithm.ED25519)) throw new Error(`${p.name}: log_keys without one of Ed25519`);
  return p.logKeys.map((k) => recorderVerifier(origin, k));
}
