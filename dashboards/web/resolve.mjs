import { fileURLToPath } from "node:url";

// The TypeScript SDK, from its sources: the console judges proofs and makes records by the very same code. What that code
// needs is found here, whether or not the SDK's own packages are installed.
export const resolve = {
  alias: { $sdk: fileURLToPath(new URL("../../sdk/typescript/src", import.meta.url)) },
  dedupe: ["@bufbuild/protobuf", "@bufbuild/protovalidate", "@noble/curves", "@noble/hashes", "@noble/post-quantum"],
};
