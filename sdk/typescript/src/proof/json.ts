/** A value of JSON whose numbers are whole and not negative; of an object, members in their order. */
export type Value = string | bigint | boolean | null | Value[] | Map<string, Value>;

const MAX_DEPTH = 16;

/**
 * Reads JSON (RFC 8259) strictly: no member twice, no lone surrogate, and no
 * number but whole ones without sign, whose digits are all kept. JSON.parse
 * loses digits beyond 2^53 and takes the last of two members. Throws a
 * SyntaxError.
 */
export function parseJSON(text: string): Value {
  if (!text.isWellFormed()) throw new SyntaxError("JSON: not Unicode");
  const parser = new Parser(text);
  const value = parser.value(0);
  parser.end();
  return value;
}

class Parser {
  private at = 0;

  constructor(private readonly text: string) {}

  value(depth: number): Value {
    if (depth > MAX_DEPTH) this.fail("nested too deeply");
    this.space();
    switch (this.text[this.at]) {
      case "{":
        return this.object(depth);
      case "[":
        return this.array(depth);
      case '"':
        return this.string();
      default:
        return this.scalar();
    }
  }

  end(): void {
    this.space();
    if (this.at !== this.text.length) this.fail("something stands behind the value");
  }

  private object(depth: number): Map<string, Value> {
    const members = new Map<string, Value>();
    this.each("{", "}", () => {
      this.space();
      const name = this.string();
      if (members.has(name)) this.fail(`member ${JSON.stringify(name.slice(0, 40))} stands twice`);
      this.space();
      this.token(":");
      members.set(name, this.value(depth + 1));
    });
    return members;
  }

  private array(depth: number): Value[] {
    const items: Value[] = [];
    this.each("[", "]", () => items.push(this.value(depth + 1)));
    return items;
  }

  private each(open: string, close: string, one: () => void): void {
    this.token(open);
    this.space();
    if (this.taken(close)) return;
    for (;;) {
      one();
      this.space();
      if (this.taken(close)) return;
      this.token(",");
    }
  }

  private string(): string {
    const found = this.match(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y);
    const value = JSON.parse(found) as string;
    if (!value.isWellFormed()) this.fail("a lone surrogate");
    return value;
  }

  private scalar(): Value {
    const word = this.match(/true|false|null|0|[1-9][0-9]*/y);
    if (this.at < this.text.length && /[0-9.eE]/.test(this.text.charAt(this.at))) this.fail("not a whole number");
    switch (word) {
      case "true":
        return true;
      case "false":
        return false;
      case "null":
        return null;
      default:
        return BigInt(word);
    }
  }

  private match(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0];
    if (found === undefined) this.fail("no value");
    this.at += found.length;
    return found;
  }

  private space(): void {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at++;
  }

  private taken(token: string): boolean {
    if (this.text[this.at] !== token) return false;
    this.at++;
    return true;
  }

  private token(token: string): void {
    if (!this.taken(token)) this.fail(`no ${token}`);
  }

  private fail(why: string): never {
    throw new SyntaxError(`JSON: ${why} at character ${this.at}`);
  }
}
