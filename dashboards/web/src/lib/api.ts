/** What the server says is wrong (RFC 9457), or that it could not be asked. */
export class Problem extends Error {
  constructor(
    readonly status: number, // 0: the server did not answer
    readonly title: string,
    readonly detail = "",
    readonly mend = "",
  ) {
    super(detail === "" ? title : `${title}: ${detail}`);
  }
}

async function problem(answer: Response): Promise<Problem> {
  try {
    const told = (await answer.json()) as { title?: string; detail?: string; mend?: string };
    return new Problem(answer.status, told.title ?? `status ${answer.status}`, told.detail, told.mend);
  } catch {
    return new Problem(answer.status, `status ${answer.status}`);
  }
}

let loggedOut = (): void => {};

/** Has something done whenever the server says that nobody is logged in. */
export function whenLoggedOut(then: () => void): void {
  loggedOut = then;
}

async function ask(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, credentials: "same-origin", redirect: "error" });
  } catch (err) {
    if (init.signal?.aborted) throw err;
    throw new Problem(0, "the console's server does not answer", "", "is it running?");
  }
  if (answer.status === 401) loggedOut();
  if (!answer.ok) throw await problem(answer);
  return answer;
}

/** Asks for JSON. Throws a Problem. */
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await ask(path, signal === undefined ? {} : { signal })).json()) as T;
}

/** Asks for bytes. Throws a Problem. */
export async function getBytes(path: string, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await (await ask(path, signal === undefined ? {} : { signal })).arrayBuffer());
}

/** Hands JSON in and returns the JSON of the answer. Throws a Problem. */
export async function post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const init: RequestInit = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  if (signal !== undefined) init.signal = signal;
  return (await (await ask(path, init)).json()) as T;
}

/** Asks for the end of something and returns the JSON of the answer. Throws a Problem. */
export async function remove<T>(path: string): Promise<T> {
  return (await (await ask(path, { method: "DELETE" })).json()) as T;
}

/** A path with a query in which what is empty is left out. */
export function query(path: string, fields: Record<string, string | number | undefined>): string {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) if (value !== undefined && value !== "") all.set(name, String(value));
  const text = all.toString();
  return text === "" ? path : `${path}?${text}`;
}
