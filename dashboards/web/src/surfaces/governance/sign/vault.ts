import { concat, type Digest, fromHex, utf8 } from "$sdk/wire/bytes";
import { type HeldKey, hold } from "./key";

/**
 * Signing keys that this browser keeps, each encrypted under a key that only an authenticator can derive: AES-GCM under
 * HKDF-SHA-256 of the output of WebAuthn's PRF extension (Web Authentication Level 3, section 10.1.4). The authenticator is asked for
 * each signature; the key is in memory for that one only.
 */
export interface Kept {
  id: Digest;
  publicKey: Uint8Array;
  label: string;
  credential: Uint8Array<ArrayBuffer>; // the authenticator's name for what it derives
  salt: Uint8Array<ArrayBuffer>;
  iv: Uint8Array<ArrayBuffer>;
  sealed: Uint8Array<ArrayBuffer>; // the PKCS #8, encrypted
}

const database = "portcullis-keys";
const store = "keys";
const info = utf8("portcullis/console-signing-key/v1") as Uint8Array<ArrayBuffer>;

/** Why keys cannot be protected here; "" if they can. An authenticator speaks with a name, not with an address. */
export function unable(): string {
  if (typeof PublicKeyCredential === "undefined" || typeof indexedDB === "undefined") return "this browser has no WebAuthn";
  if (/^[0-9.]+$|^\[/.test(location.hostname)) return `authenticators know sites by name: open the console as http://localhost:${location.port}`;
  return "";
}

/** The keys that this browser keeps. */
export async function kept(): Promise<Kept[]> {
  return request<Kept[]>("readonly", (keys) => keys.getAll() as IDBRequest<Kept[]>);
}

/** Forgets a key for good. */
export async function forget(id: Digest): Promise<void> {
  await request("readwrite", (keys) => keys.delete(id) as IDBRequest<unknown>);
}

/** Protects a key by an authenticator, which is asked now, and keeps it. The PKCS #8 bytes are wiped. */
export async function protect(pkcs8: Uint8Array<ArrayBuffer>, label: string): Promise<Kept> {
  try {
    const { id, publicKey } = await hold(pkcs8.slice(), "");
    const salt = random(32);
    const credential = await register(label, salt);
    const key = await derive(credential, salt);
    const iv = random(12);
    const sealed = new Uint8Array(await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: bound(id) }, key, pkcs8));
    const one: Kept = { id, publicKey, label, credential, salt, iv, sealed };
    await request("readwrite", (keys) => keys.put(one) as IDBRequest<unknown>);
    return one;
  } finally {
    pkcs8.fill(0);
  }
}

/** A kept key, to sign with: each signature asks the authenticator. */
export function use(one: Kept): HeldKey {
  const sign = async (message: Uint8Array): Promise<Uint8Array> => {
    const key = await derive(one.credential, one.salt);
    const plain = await crypto.subtle.decrypt({ name: "AES-GCM", iv: one.iv, additionalData: bound(one.id) }, key, one.sealed);
    const held = await hold(new Uint8Array(plain), "");
    if (held.id !== one.id) throw new Error("what this browser keeps under this key's name is another key");
    return held.sign(message);
  };
  return { id: one.id, publicKey: one.publicKey, how: "this browser, behind your authenticator", sign };
}

function random(n: number): Uint8Array<ArrayBuffer> {
  return crypto.getRandomValues(new Uint8Array(n));
}

/** Whoever changes what is kept under one key's name cannot make it pass as another's. */
function bound(id: Digest): Uint8Array<ArrayBuffer> {
  return concat(info, fromHex(id)) as Uint8Array<ArrayBuffer>;
}

async function register(label: string, salt: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const made = (await navigator.credentials.create({
    publicKey: {
      challenge: random(32),
      rp: { id: location.hostname, name: "Portcullis" },
      user: { id: random(16), name: label, displayName: label },
      pubKeyCredParams: [{ type: "public-key", alg: -7 }, { type: "public-key", alg: -8 }, { type: "public-key", alg: -257 }],
      authenticatorSelection: { userVerification: "required" },
      extensions: { prf: { eval: { first: salt } } },
    },
  })) as PublicKeyCredential | null;
  if (made === null) throw new Error("the authenticator made nothing");
  if (made.getClientExtensionResults().prf?.enabled !== true) throw new Error("this authenticator cannot derive keys (PRF); use another, or a key file");
  return new Uint8Array(made.rawId.slice(0));
}

async function derive(credential: Uint8Array<ArrayBuffer>, salt: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  const got = (await navigator.credentials.get({
    publicKey: {
      challenge: random(32),
      rpId: location.hostname,
      allowCredentials: [{ type: "public-key", id: credential }],
      userVerification: "required",
      extensions: { prf: { eval: { first: salt } } },
    },
  })) as PublicKeyCredential | null;
  const first = got?.getClientExtensionResults().prf?.results?.first;
  if (first === undefined) throw new Error("the authenticator derived nothing");
  const secret = new Uint8Array(first instanceof ArrayBuffer ? first : first.buffer.slice(first.byteOffset, first.byteOffset + first.byteLength)) as Uint8Array<ArrayBuffer>;
  const material = await crypto.subtle.importKey("raw", secret, "HKDF", false, ["deriveKey"]);
  secret.fill(0);
  return crypto.subtle.deriveKey({ name: "HKDF", hash: "SHA-256", salt, info }, material, { name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
}

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const asked = indexedDB.open(database, 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore(store, { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error ?? new Error("this browser keeps nothing"));
  });
}

async function request<T>(mode: IDBTransactionMode, ask: (keys: IDBObjectStore) => IDBRequest<T>): Promise<T> {
  const db = await opened();
  try {
    return await new Promise<T>((resolve, reject) => {
      const transaction = db.transaction(store, mode);
      const asked = ask(transaction.objectStore(store));
      transaction.oncomplete = () => resolve(asked.result);
      transaction.onabort = () => reject(transaction.error ?? new Error("this browser keeps nothing"));
    });
  } finally {
    db.close();
  }
}
