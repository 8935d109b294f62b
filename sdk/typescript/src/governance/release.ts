import { AttributeType, type Governor, type GovernorThresholds, type Identity as Entry, type Limit, type Release as Proto, Role, type Tool } from "../gen/portcullis/v1/release_pb.js";
import { checkLogIdentity } from "../lineage/keys.js";
import { type Issuers, parseIssuers } from "../trust/chain.js";
import type { Identity } from "../trust/identity.js";
import { type Digest, digestOf } from "../wire/bytes.js";
import { type Nanos, nanosOf } from "../wire/time.js";
import { type Bounds, boundsOf } from "./bounds.js";
import { checkDrift } from "./drift.js";

/** A release that holds together, indexed: the same that core/governance accepts. */
export interface Release {
  digest: Digest;
  proto: Proto;
  bounds: Bounds;
  issuers: Issuers;
  governors: GovernorKeys;
  entries: ReadonlyMap<string, Entry>; // by role and name
}

/** Governors' public keys by their ids. */
export type GovernorKeys = ReadonlyMap<Digest, Uint8Array>;

/** Indexes the release whose governance record has this digest. Throws if it does not hold together. */
export function newRelease(digest: Digest, proto: Proto): Release {
  const bounds = boundsOf(proto.bounds);
  const tools = checkTools(proto.tools);
  checkSealingKeys(proto);
  checkLimits(proto, tools, bounds);
  checkDrift(proto.drift);
  if (nanosOf(proto.notBefore) >= nanosOf(proto.expires)) throw new Error("expires is not after not_before");
  return {
    digest, proto, bounds,
    issuers: parseIssuers(proto.issuers),
    governors: governorKeys(proto.governors, proto.thresholds),
    entries: indexDirectory(proto, tools),
  };
}

/** The directory's entry for an identity of this zone. */
export function entryOf(r: Release, id: Identity): Entry | undefined {
  return r.entries.get(`${id.role} ${id.name}`);
}

/** Whether a release is in force at a time. */
export function inForce(r: Release, at: Nanos): boolean {
  return at >= nanosOf(r.proto.notBefore) && at < nanosOf(r.proto.expires);
}

/** Governors' keys; throws if a name or key stands twice or a threshold can never be met. */
export function governorKeys(governors: readonly Governor[], t: GovernorThresholds | undefined): GovernorKeys {
  const keys = new Map(governors.map((g) => [digestOf(g.publicKey), g.publicKey] as const));
  const names = new Set(governors.map((g) => g.name));
  if (keys.size !== governors.length || names.size !== governors.length) throw new Error("a governor's name or key stands twice; one person, one key");
  for (const need of [t?.release ?? 0, t?.resume ?? 0]) {
    if (need < 1 || need > keys.size) throw new Error(`thresholds must be 1 to ${keys.size}, the number of governors`);
  }
  return keys;
}

function checkTools(tools: readonly Tool[]): Set<string> {
  const names = new Set(tools.map((t) => t.name));
  const actions = new Set(tools.map((t) => (t.action === "" ? t.name : t.action)));
  if (names.size !== tools.length || actions.size !== tools.length) throw new Error("a tool's name or action stands twice");
  for (const t of tools) {
    if (t.runLimit !== undefined && nanosOf(t.runLimit) <= 0n) throw new Error(`tool ${t.name}: run_limit must be positive`);
  }
  return names;
}

function indexDirectory(proto: Proto, tools: ReadonlySet<string>): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const names = new Set<string>();
  const ranks = new Set<number>();
  for (const p of proto.directory) {
    if (names.has(p.name)) throw new Error(`directory: the name ${p.name} stands twice`);
    names.add(p.name);
    if (p.role === Role.ENFORCER) {
      if (ranks.has(p.rank)) throw new Error(`directory: enforcer ${p.name}: rank ${p.rank} stands twice`);
      ranks.add(p.rank);
    }
    const stranger = p.tools.find((t) => !tools.has(t));
    if (stranger !== undefined) throw new Error(`directory: ${p.name}: tool ${stranger} is not in the registry`);
    if (p.gateway && p.role !== Role.EXECUTOR) throw new Error(`directory: ${p.name}: only an executor is a gateway's`);
    checkLogIdentity(p);
    entries.set(`${p.role} ${p.name}`, p);
  }
  checkWitnesses(proto);
  const k = proto.decisionThreshold;
  if (k < 1 || ranks.size < k) throw new Error(`decision_threshold ${k} needs at least as many enforcers, the directory has ${ranks.size}`);
  return entries;
}

/** As many distinct keys can cosign as must. What a note names of a key is name and hash. */
function checkWitnesses(proto: Proto): void {
  const verifiers = proto.directory.filter((p) => p.verifier !== "").map((p) => p.verifier.split("+").slice(0, 2).join("+"));
  if (new Set(verifiers).size !== verifiers.length) throw new Error("directory: two witnesses have one verifier, or the same name and hash");
  if (proto.witnessThreshold > verifiers.length) throw new Error(`witness_threshold ${proto.witnessThreshold} needs as many witnesses with a verifier`);
}

/** One id names one key. */
function checkSealingKeys(proto: Proto): void {
  const ids = new Set(proto.sealingKeys.map((k) => k.id));
  if (ids.size !== proto.sealingKeys.length) throw new Error("a sealing key's id stands twice");
}

function checkLimits(proto: Proto, tools: ReadonlySet<string>, bounds: Bounds): void {
  const ids = new Set<string>();
  for (const l of proto.limits) {
    if (ids.has(l.id)) throw new Error(`limit ${l.id} stands twice`);
    ids.add(l.id);
    const window = nanosOf(l.window);
    if (window <= 0n || window > bounds.memory) throw new Error(`limit ${l.id}: its window must be positive and at most bounds.memory`);
    const stranger = l.tools.find((t) => !tools.has(t));
    if (stranger !== undefined) throw new Error(`limit ${l.id}: tool ${stranger} is not in the registry`);
    checkSummed(proto, l);
  }
}

/** What a limit sums must be there, be a whole number, and never be negative. */
function checkSummed(proto: Proto, l: Limit): void {
  if (l.argument === "") return;
  for (const t of proto.tools) {
    if (l.tools.length > 0 && !l.tools.includes(t.name)) continue;
    const a = t.arguments.find((one) => one.name === l.argument);
    if (a === undefined || a.type !== AttributeType.LONG || !a.required || a.min === undefined || a.min < 0n) {
      throw new Error(`limit ${l.id}: tool ${t.name} must declare argument ${l.argument} as required LONG with min of 0 or more`);
    }
  }
}
