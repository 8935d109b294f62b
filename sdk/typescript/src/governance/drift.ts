import { DriftScope, type DriftRule } from "../gen/portcullis/v1/release_pb.js";
import { nanosOf } from "../wire/time.js";

/** What a rule's threshold counts, and what a trip can be narrowed to (schemas/driftrule.go). */
interface Rule {
  counts: "nothing" | "intervals" | "time";
  scopes: readonly DriftScope[];
}

const tool = [DriftScope.TOOL];
const record = [DriftScope.TOOL, DriftScope.AGENT];

const rules: ReadonlyMap<string, Rule> = new Map([
  ["heartbeat.missing", { counts: "intervals", scopes: tool }],
  ["heartbeat.clone", { counts: "nothing", scopes: tool }],
  ["heartbeat.regress", { counts: "nothing", scopes: tool }],
  ["release.mismatch", { counts: "time", scopes: tool }],
  ["governance.mismatch", { counts: "time", scopes: tool }],
  ["state.mismatch", { counts: "nothing", scopes: [] }],
  ["decision.divergence", { counts: "nothing", scopes: record }],
  ["build.unattested", { counts: "nothing", scopes: tool }],
  ["clock.skew", { counts: "time", scopes: tool }],
  ["lag.exceeded", { counts: "time", scopes: [] }],
  ["checkpoint.fork", { counts: "nothing", scopes: [] }],
  ["outcome.rogue", { counts: "nothing", scopes: record }],
  ["claim.stuck", { counts: "time", scopes: record }],
  ["replay.mismatch", { counts: "nothing", scopes: record }],
  ["release.stale", { counts: "time", scopes: [] }],
  ["tool.definition", { counts: "nothing", scopes: [] }],
]);

/** Throws unless every drift rule of a release is one that sentinels know and could apply. */
export function checkDrift(listed: readonly DriftRule[]): void {
  const seen = new Set<string>();
  for (const rule of listed) {
    if (seen.has(rule.rule)) throw new Error(`drift rule ${rule.rule} stands twice`);
    seen.add(rule.rule);
    const why = fault(rule, rules.get(rule.rule));
    if (why !== "") throw new Error(`drift rule ${rule.rule}: ${why}`);
  }
}

function fault(rule: DriftRule, known: Rule | undefined): string {
  if (known === undefined) return "there is no such rule";
  if (rule.intervals !== 0 && known.counts !== "intervals") return "it does not count intervals";
  if (rule.intervals !== 0 && (rule.intervals < 3 || rule.intervals > 10_000)) return "intervals must be 3 to 10000";
  if (rule.threshold !== undefined && known.counts !== "time") return "it has no duration as its threshold";
  if (rule.threshold !== undefined && nanosOf(rule.threshold) <= 0n) return "its threshold must be positive";
  const everywhere = rule.scope === DriftScope.GLOBAL_UNSPECIFIED || rule.scope === DriftScope.ZONE;
  return everywhere || known.scopes.includes(rule.scope) ? "" : "it cannot be narrowed to this scope";
}
