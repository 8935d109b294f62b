import { createPrivateKey, type KeyObject, sign as signWith } from "node:crypto";

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";

import { CredentialSchema } from "../gen/portcullis/v1/credential_pb.js";
import { digestOf } from "../wire/bytes.js";
import { encode } from "../wire/decode.js";
import { KINDS } from "../wire/kinds.js";
import { parseCertificate } from "./certificate.js";
import * as ed25519 from "./ed25519.js";
import { pae, sealed, type SigningKey } from "./envelope.js";

/** An X.509-SVID: its chain in DER, leaf first, and its private key as PKCS #8 in PEM. */
export interface SVID {
  chain: Uint8Array[];
  key: string;
}

/**
 * Makes a Credential envelope that binds a key to the SVID's identity for the
 * SVID's own life: signed by the SVID's key, counter-signed by the key. It
 * states no build: the digest of a program that Node interprets says nothing.
 */
export function bind(spiffeID: string, svid: SVID, key: SigningKey): Uint8Array {
  const [der] = svid.chain;
  if (der === undefined) throw new Error("binding a key needs an SVID chain");
  const leaf = parseCertificate(der);
  const record = create(CredentialSchema, {
    spiffeId: spiffeID,
    publicKey: key.publicKey,
    buildDigest: new Uint8Array(32),
    notBefore: timestampFromMs(Number(leaf.notBefore / 1_000_000n)),
    expires: timestampFromMs(Number(leaf.notAfter / 1_000_000n)),
    svid: svid.chain,
  });
  const payload = encode(CredentialSchema, record);
  const message = pae(KINDS.credential.payloadType, payload);
  return sealed(KINDS.credential.payloadType, payload, [
    { keyID: digestOf(leaf.spki), sig: signBySVID(createPrivateKey(svid.key), message) },
    { keyID: key.id, sig: ed25519.sign(key.seed, message) },
  ]);
}

function signBySVID(key: KeyObject, message: Uint8Array): Uint8Array {
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return signWith(null, message, key);
    case "ec":
      return signWith("sha256", message, key);
    default:
      throw new Error(`an SVID key is Ed25519 or ECDSA P-256, not ${key.asymmetricKeyType ?? "secret"}`);
  }
}
