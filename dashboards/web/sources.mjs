// The digest of everything that the built pages are made of. It is built in beside them (dist/sources.sha256), and a Go
// test (dashboards/assets_test.go) computes it again: who changes a source and does not build is told, without Node.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Folders and files, from the repository's root. */
const from = ["dashboards/web/src", "dashboards/web/public", "dashboards/web/index.html", "dashboards/web/package-lock.json", "sdk/typescript/src"];

function filesOf(name) {
  if (!statSync(join(root, name)).isDirectory()) return [name];
  return readdirSync(join(root, name)).flatMap((entry) => filesOf(`${name}/${entry}`));
}

/** SHA-256 over a line for each file, in the order of bytes: its own SHA-256 in hexadecimal, two blanks, its name. */
export function digest() {
  const names = from.flatMap(filesOf).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const lines = names.map((name) => `${createHash("sha256").update(readFileSync(join(root, name))).digest("hex")}  ${name}\n`);
  return createHash("sha256").update(lines.join("")).digest("hex");
}
