const kept = "portcullis.theme";
type Name = "as the system" | "dark" | "light";
const next: Record<Name, Name> = { "as the system": "dark", dark: "light", light: "as the system" };
const marks: Record<Name, string> = { "as the system": "◐", dark: "●", light: "○" };

/** Dark, light, or as the system has it; the browser remembers. */
class Theme {
  is = $state<Name>(read());
  constructor() {
    this.show();
  }
  get mark(): string {
    return marks[this.is];
  }
  turn(): void {
    this.is = next[this.is];
    try {
      localStorage.setItem(kept, this.is);
    } catch {
      // A browser that keeps nothing forgets this too.
    }
    this.show();
  }
  private show(): void {
    if (this.is === "as the system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = this.is;
  }
}

function read(): Name {
  try {
    const name = localStorage.getItem(kept);
    return name === "dark" || name === "light" ? name : "as the system";
  } catch {
    return "as the system";
  }
}

export const theme = new Theme();
