import { Role } from "../gen/portcullis/v1/release_pb.js";
import { quoted } from "../wire/bytes.js";
import { isName } from "../wire/kinds.js";

/** A workload identity: spiffe://<trust domain>/<zone>/<role>/<name>. */
export interface Identity {
  trustDomain: string;
  zone: string;
  role: Role;
  name: string;
}

const roles: ReadonlyMap<string, Role> = new Map([
  ["agent", Role.AGENT],
  ["enforcer", Role.ENFORCER],
  ["executor", Role.EXECUTOR],
  ["sentinel", Role.SENTINEL],
  ["governor", Role.GOVERNOR],
  ["approver", Role.APPROVER],
  ["recorder", Role.RECORDER],
  ["witness", Role.WITNESS],
  ["auditor", Role.AUDITOR],
]);
const names = new Map([...roles].map(([name, role]) => [role, name] as const));

/** Whether a text is a trust domain: 1 to 255 of a-z, 0-9, '.', '-' and '_'. */
export function isTrustDomain(text: string): boolean {
  return /^[a-z0-9._-]{1,255}$/.test(text);
}

/** Reads a SPIFFE ID strictly: one spelling for each identity, nothing normalised. Throws for anything else. */
export function parseIdentity(text: string): Identity {
  const parts = /^spiffe:\/\/([^/]*)\/([^/]*)\/([^/]*)\/([^/]*)$/.exec(text);
  const [, trustDomain = "", zone = "", roleName = "", name = ""] = parts ?? [];
  const role = roles.get(roleName);
  if (text.length > 512 || !isTrustDomain(trustDomain) || !isName(zone) || role === undefined || !isName(name)) {
    throw new Error(`${quoted(text)} is not an identity; write spiffe://<trust domain>/<zone>/<role>/<name>`);
  }
  return { trustDomain, zone, role, name };
}

/** The SPIFFE ID of an identity. */
export function spiffeID(id: Identity): string {
  return `spiffe://${id.trustDomain}/${id.zone}/${names.get(id.role) ?? ""}/${id.name}`;
}
