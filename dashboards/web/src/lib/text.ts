/** A span of time in a few characters. */
export function span(ms: number): string {
  if (!Number.isFinite(ms)) return "never";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 60) return `${s < 10 ? s.toFixed(1) : Math.round(s)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${Math.round(s % 60)} s`;
  if (s < 86400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86400)} d ${Math.floor((s % 86400) / 3600)} h`;
}

/** The beginning of a digest; hand the whole one to title or a link. */
export function short(digest: string): string {
  return digest.slice(0, 8);
}

export function count(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** A time as the ledger writes it, to the millisecond, in UTC. */
export function time(text: string): string {
  return text.replace(/(\.\d{3})\d*Z$/, "$1Z").replace("T", " ");
}

/** The name of a SPIFFE ID's owner: its last part. */
export function nameOf(id: string): string {
  return id.slice(id.lastIndexOf("/") + 1);
}

/** How far this machine's clock is from UTC at a time: "UTC+05:30". */
export function offset(when: Date): string {
  const minutes = -when.getTimezoneOffset();
  const two = (n: number): string => String(Math.floor(n)).padStart(2, "0");
  return `UTC${minutes < 0 ? "-" : "+"}${two(Math.abs(minutes) / 60)}:${two(Math.abs(minutes) % 60)}`;
}
