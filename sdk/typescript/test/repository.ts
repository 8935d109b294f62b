import { fileURLToPath } from "node:url";

/** A path of the repository; tests run from build/test of the package. */
export function repository(path: string): string {
  return fileURLToPath(new URL(`../../../../${path}`, import.meta.url));
}
