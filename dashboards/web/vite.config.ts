import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";
import { resolve } from "./resolve.mjs";
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
  resolve,
  build: {
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: true,
    chunkSizeWarningLimit: 700, // kB: the verifier, which is loaded where proofs are judged
    sourcemap: false,
  },
});
