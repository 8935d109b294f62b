/** Verifies proof files offline. Nothing here needs Node: it runs in a browser as it is. */
export { type Authority, verifyAuthority } from "./authority.js";
export { decodeProof, FORMAT, type ProofFile, type ProofRecord } from "./file.js";
export { type Kind, KINDS } from "./kind.js";
export type { Result, Step, StepName } from "./result.js";
export { verifyProof } from "./verify.js";
export { fencingToken, type Position } from "../ledger/position.js";
export type { Digest } from "../wire/bytes.js";
