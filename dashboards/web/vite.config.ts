import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { digest } from "./sources.mjs";

// What is built is committed: its names depend on its bytes alone, and nothing in it on the machine.
export default defineConfig({
  plugins: [
    svelte(),
    {
      name: "sources",
      generateBundle() {
        this.emitFile({ type: "asset", fileName: "sources.sha256", source: `${digest()}\n` });
      },
    },
  ],
  resolve: {
    // The TypeScript SDK, from its sources: the console judges proofs and makes records by the very same code.
    alias: { $sdk: fileURLToPath(new URL("../../sdk/typescript/src", import.meta.url)) },
    dedupe: ["@bufbuild/protobuf", "@bufbuild/protovalidate", "@noble/curves", "@noble/hashes", "@noble/post-quantum"],
  },
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    sourcemap: false,
  },
});
