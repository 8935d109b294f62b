import { type Scope, ScopeKind } from "../gen/portcullis/v1/governance_pb.js";
import { parseIdentity } from "../trust/identity.js";
import { isName } from "../wire/kinds.js";

/** What a halt may cover: one intent's coordinates. The agent is a SPIFFE ID. */
export interface Target {
  zone: string;
  tool: string;
  agent: string;
  session: string;
}

/** Whether a halt's scope covers the target. A scope that can name nothing, and one of a later protocol, covers everything. */
export function covers(scope: Scope | undefined, t: Target): boolean {
  if (scope === undefined || !nameable(scope)) return true;
  switch (scope.kind) {
    case ScopeKind.ZONE:
      return scope.value === t.zone;
    case ScopeKind.TOOL:
      return scope.value === t.tool;
    case ScopeKind.AGENT:
      return scope.value === t.agent;
    case ScopeKind.SESSION:
      return scope.value === t.agent && scope.session === t.session;
    case ScopeKind.DRILL:
      return false;
    default:
      return true;
  }
}

function nameable(scope: Scope): boolean {
  switch (scope.kind) {
    case ScopeKind.ZONE:
    case ScopeKind.TOOL:
      return isName(scope.value);
    case ScopeKind.AGENT:
    case ScopeKind.SESSION:
      return isIdentity(scope.value);
    default:
      return true;
  }
}

function isIdentity(text: string): boolean {
  try {
    parseIdentity(text);
    return true;
  } catch {
    return false;
  }
}
