import { live, type Role } from "./events.svelte";

const rank: Record<Role, number> = { anyone: 0, viewer: 1, approver: 2, operator: 3 };

/**
 * Whether who looks may do what needs a role, and if not, why not: to disable an action and to say the reason beside it.
 * The server asks again whenever anything is done; this is for people's eyes.
 */
export function may(needs: Role): { allowed: boolean; why: string } {
  const about = live.about;
  if (about === undefined) return { allowed: false, why: "it is not known yet who you are here" };
  if ((rank[about.role] ?? 0) >= rank[needs]) return { allowed: true, why: "" };
  if (about.role === "anyone") return { allowed: false, why: "nobody is logged in" };
  return { allowed: false, why: `this needs the role ${needs}; you are ${about.role}` };
}
