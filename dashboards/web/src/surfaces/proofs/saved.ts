import { getBytes } from "../../lib/api";

/** Where the saved page looks for a file that came with it. */
export const place = "portcullis-proof";

/** The viewer as one page that needs no server, with a proof file in it. The page's policy allows no other script than its own. */
export async function savedPage(proof: string): Promise<string> {
  const page = new TextDecoder().decode(await getBytes("/proof-viewer.html"));
  const end = page.lastIndexOf("</body>");
  if (end < 0) throw new Error("the viewer's page has no end");
  // As JSON in JSON with every < escaped, so that no text of the file can end the block.
  const block = JSON.stringify(proof).replaceAll("<", "\\u003c");
  return `${page.slice(0, end)}<script type="application/json" id="${place}">${block}</script>${page.slice(end)}`;
}
