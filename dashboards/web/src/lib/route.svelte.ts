/** Where the page is: #/surface/rest?name=value. Links are ordinary ones, so that each view has an address. */
class Route {
  hash = $state(location.hash);
  constructor() {
    addEventListener("hashchange", () => (this.hash = location.hash));
  }
  private get parts(): [path: string, search: string] {
    const text = this.hash.replace(/^#\/?/, "");
    const at = text.indexOf("?");
    return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
  }
  get surface(): string {
    return this.parts[0].split("/")[0] ?? "";
  }
  /** What follows the surface's name, decoded. */
  get rest(): string[] {
    return this.parts[0].split("/").slice(1).map(decoded);
  }
  get search(): URLSearchParams {
    return new URLSearchParams(this.parts[1]);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export const route = new Route();

/** The address of a view. */
export function at(surface: string, rest: string[] = [], search: Record<string, string> = {}): string {
  const path = [surface, ...rest.map(encodeURIComponent)].join("/");
  const text = new URLSearchParams(Object.entries(search).filter(([, value]) => value !== "")).toString();
  return `#/${path}${text === "" ? "" : `?${text}`}`;
}
