// Builds the proof viewer once more, as one page that needs no server: dist/proof-viewer.html. Its script and its style are in
// it, and its policy allows nothing but those two, by their digests.
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "vite";
import { resolve } from "./resolve.mjs";

const at = (path) => fileURLToPath(new URL(path, import.meta.url));

const made = await build({
  configFile: false,
  root: at("."),
  logLevel: "warn",
  publicDir: false,
  plugins: [svelte()],
  resolve,
  build: {
    write: false,
    target: "es2022",
    modulePreload: { polyfill: false },
    cssCodeSplit: false,
    rollupOptions: { input: at("src/surfaces/proofs/alone.ts"), output: { codeSplitting: false } },
  },
});

const files = (Array.isArray(made) ? made : [made]).flatMap((one) => one.output);
const [script, ...scripts] = files.filter((f) => f.type === "chunk");
const [style, ...styles] = files.filter((f) => f.type === "asset" && f.fileName.endsWith(".css"));
if (scripts.length > 0 || styles.length > 0 || script === undefined || style === undefined) {
  throw new Error(`one script and one style are needed, not ${files.map((f) => f.fileName).join(", ")}`);
}

// What ends a script's element ends it also inside of a string.
const code = script.code.replaceAll(/<\/(script)/gi, "<\\/$1").replaceAll("<!--", "<\\!--");
const css = String(style.source);
if (/<\/style/i.test(css)) throw new Error("the style would end its own element");
const digest = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = [
  "default-src 'none'", `script-src ${digest(code)}`, `style-src ${digest(css)}`, "img-src data:", "base-uri 'none'", "form-action 'none'",
  "require-trusted-types-for 'script'", "trusted-types svelte-trusted-html",
].join("; ");

writeFileSync(
  at("dist/proof-viewer.html"),
  `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark light">
<title>Portcullis proof viewer</title>
<style>${css}</style>
</head>
<body>
<div id="app"></div>
<script type="module">${code}</script>
</body>
</html>
`,
);
