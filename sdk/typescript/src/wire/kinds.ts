import { Role } from "../gen/portcullis/v1/release_pb.js";

/** A kind of record that stands on a ledger, or of an answer. */
export type Kind = "credential" | "intent" | "decision" | "claim" | "outcome" | "governance" | "approval" | "pulse" | "answer";

/** One row of the table of kinds (schemas/kind.go). */
interface KindInfo {
  payloadType: string;
  named: boolean; // its subject ends with a name or a tool
  list: boolean; // its payload is a list of items
  writers: readonly Role[];
}

const enrolled = [Role.AGENT, Role.ENFORCER, Role.EXECUTOR, Role.SENTINEL, Role.APPROVER, Role.RECORDER, Role.AUDITOR];

const media = (name: string) => `application/vnd.portcullis.${name}.v1+protobuf`;

export const KINDS: Readonly<Record<Kind, KindInfo>> = {
  credential: { payloadType: media("credential"), named: true, list: false, writers: enrolled },
  intent: { payloadType: media("intents"), named: true, list: true, writers: [Role.AGENT] },
  decision: { payloadType: media("decisions"), named: true, list: true, writers: [Role.ENFORCER] },
  claim: { payloadType: media("claims"), named: true, list: true, writers: [Role.EXECUTOR] },
  outcome: { payloadType: media("outcomes"), named: true, list: true, writers: [Role.EXECUTOR] },
  governance: { payloadType: media("governance"), named: false, list: false, writers: [Role.GOVERNOR, Role.SENTINEL] },
  approval: { payloadType: media("approval"), named: false, list: false, writers: [Role.APPROVER] },
  pulse: { payloadType: media("pulse"), named: false, list: false, writers: [Role.SENTINEL] },
  answer: { payloadType: media("answers"), named: true, list: true, writers: [Role.ENFORCER, Role.EXECUTOR] },
};

/** Whether a text can be the name of a zone, a participant or a tool: 1 to 63 of a-z, 0-9 and, inside, '-'. */
export function isName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(text);
}

/** The ledger subject of a kind: fabric.<zone>.<kind>[.<token>]. */
export function ledgerSubject(zone: string, kind: Exclude<Kind, "answer">, token = ""): string {
  return `fabric.${zone}.${kind}` + (token === "" ? "" : `.${token}`);
}

/** The subject of answers to an agent. */
export function answerSubject(zone: string, agent: string): string {
  return `answer.${zone}.${agent}`;
}

/** A ledger subject, taken apart; token is "" where the kind has none. */
export interface Subject {
  zone: string;
  kind: Kind;
  token: string;
}

/** Takes a ledger subject apart; undefined if it is none. */
export function parseSubject(subject: string): Subject | undefined {
  const [prefix, zone, kind, ...rest] = subject.split(".");
  if (prefix !== "fabric" || zone === undefined || kind === undefined || !isName(zone)) return undefined;
  if (kind === "answer" || !Object.hasOwn(KINDS, kind)) return undefined;
  const { named } = KINDS[kind as Kind];
  const token = rest[0] ?? "";
  if (rest.length !== (named ? 1 : 0) || (named && !isName(token))) return undefined;
  return { zone, kind: kind as Kind, token };
}
