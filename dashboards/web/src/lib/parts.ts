/** Parts of the program that come after the frame: the page is there at once, and the rest before anybody needs it. */
export const parts = {
  demo: once(() => import("../surfaces/demo/Page.svelte")),
  governance: once(() => import("../surfaces/governance/Page.svelte")),
  health: once(() => import("../surfaces/health/Page.svelte")),
  lineage: once(() => import("../surfaces/lineage/Page.svelte")),
  proofs: once(() => import("../surfaces/proofs/Page.svelte")),
  halt: once(() => import("../surfaces/governance/Halt.svelte")),
};

/** Fetches all of them, what stops things first: when the server is gone they are here. */
export function fetchAll(): void {
  for (const part of [parts.halt, parts.governance, parts.health, parts.proofs, parts.lineage, parts.demo]) void part().catch(() => {});
}

/** A part is fetched once, and again only if that failed. */
function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loading: Promise<T> | undefined;
  return () => {
    loading ??= load().catch((err: unknown) => {
      loading = undefined;
      throw err;
    });
    return loading;
  };
}
