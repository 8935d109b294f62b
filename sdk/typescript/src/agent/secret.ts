import { constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";

const MAX_SECRET = 256 << 10;

/** Reads a file that only this user can have read or written: a regular file, no symbolic link, without any permission for group or others. Throws for others, saying how to mend it. */
export async function readSecret(path: string): Promise<string> {
  const file = await openNoFollow(path);
  try {
    const info = await file.stat();
    if (!info.isFile()) throw new Error(`${path} is not a regular file`);
    checkPrivate(path, info);
    if (info.size > MAX_SECRET) throw new Error(`${path} has more than ${MAX_SECRET} bytes; it is not a file of a participant`);
    return await file.readFile("utf8");
  } finally {
    await file.close();
  }
}

/** Demands that a path is a folder, and this user's alone. */
export async function checkPrivateDir(path: string): Promise<void> {
  const info = await stat(path);
  if (!info.isDirectory()) throw new Error(`${path} is not a folder`);
  checkPrivate(path, info);
}

async function openNoFollow(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === "ELOOP") throw new Error(`${path} is a symbolic link; put the file itself there`, { cause: err });
    throw err;
  }
}

function checkPrivate(path: string, info: { uid: number; mode: number }): void {
  const user = process.geteuid?.();
  if (user === undefined) return; // no owners and modes on this system
  if (info.uid !== user) throw new Error(`${path} belongs to user ${info.uid} and this is user ${user}; run: chown ${user} ${path}`);
  const mode = info.mode & 0o777;
  if ((mode & 0o077) !== 0) {
    throw new Error(`${path} has mode ${mode.toString(8)}, open to group or others; run: chmod ${(mode & 0o700).toString(8)} ${path}`);
  }
}
