import { svelte } from "@sveltejs/vite-plugin-svelte";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

// What is built is committed: its names depend on its bytes alone, and nothing in it on the machine.
export default defineConfig({
  plugins: [svelte()],
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
