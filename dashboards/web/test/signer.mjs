// What the page signs, made by the page's own functions, for signed.test.mjs: it is bundled as the page is, and run by
// Node and by a browser alike.
import { decode, encode } from "$sdk/wire/decode";
import { ApprovalSchema } from "$sdk/gen/portcullis/v1/pulse_pb";
import { GovernanceSchema, ScopeSchema } from "$sdk/gen/portcullis/v1/governance_pb";
import { parseIssuers } from "$sdk/trust/chain";
import { verifyCredential } from "$sdk/trust/credential";
import { pae, parseEnvelope } from "$sdk/trust/envelope";
import { digestOf, fromHex, toHex, utf8 } from "$sdk/wire/bytes";
import { credentialFor, derOf } from "../src/surfaces/governance/sign/credential";
import { hold, pkcs8Of } from "../src/surfaces/governance/sign/key";
import { approvalPayload, approvalType, approvalWords, governanceType, haltPayload, parseScope, resumePayload, sign, tally, wordsOf } from "../src/surfaces/governance/sign/record";
import { parseResumeFile, resumeFileText } from "../src/surfaces/governance/sign/resumefile";

const placeOf = (row) => ({ ledger: row.ledger, trust_domain: row.trust_domain, zone: row.zone });
const held = (pem) => hold(pkcs8Of(utf8(pem)), "a test");

/** A row's payload, as the dialogs make it. */
function payloadOf(row, id) {
  const place = placeOf(row);
  if (row.kind === "approval") return approvalPayload(place, row.approver, row.intent, row.approve ?? false, row.note ?? "");
  if (row.kind === "halt") return haltPayload(place, row.scope, row.reason ?? "", id);
  return resumePayload(place, row.halts ?? [], row.reason ?? "", id);
}

/** What the page makes of a row of signed.json: the same names as there. Undefined if it makes nothing. */
export async function signed(row) {
  let payload;
  try {
    payload = payloadOf(row, row.id === undefined ? undefined : fromHex(row.id));
  } catch {
    return undefined;
  }
  const approval = row.kind === "approval";
  const type = approval ? approvalType : governanceType;
  let envelope;
  const keys = [];
  for (const pem of row.keys) {
    const key = await held(pem);
    envelope = await sign(type, payload, key, envelope === undefined ? [] : parseEnvelope(envelope).signatures);
    keys.push(key);
  }
  const read = approval ? decode(ApprovalSchema, payload, 1 << 20) : decode(GovernanceSchema, payload, 1 << 20);
  const governors = keys.map((key, i) => ({ name: `g${i}`, key: key.id, raw: key.publicKey, revoked: false }));
  return {
    key_ids: keys.map((key) => key.id),
    public_keys: keys.map((key) => toHex(key.publicKey)),
    payload_type: type,
    payload: toHex(payload),
    digest: digestOf(payload),
    pae: toHex(pae(type, payload)),
    envelope: toHex(envelope),
    again: toHex(approval ? encode(ApprovalSchema, read) : encode(GovernanceSchema, read)),
    words: (approval ? approvalWords : wordsOf)(payload, placeOf(row)),
    tally: tally(envelope, governors),
  };
}

/** The file in which a resume goes from one governor to the next: as the page writes it, and again as it reads it. */
export function travelling(envelope, halts) {
  const text = resumeFileText({ envelope: fromHex(envelope), halts: halts.map(fromHex) });
  return { text, again: resumeFileText(parseResumeFile(text)) };
}

/** The bytes of the scope that a text means; undefined if it means none. */
export function scope(text, place) {
  try {
    return toHex(encode(ScopeSchema, parseScope(text, place)));
  } catch {
    return undefined;
  }
}

/** What the page makes of a row of bindings.json, and whether it holds. */
export async function binding(row) {
  const files = [new File([row.svid], "svid.pem"), new File([row.svid_key], "svid.key")];
  const key = await held(row.key);
  const env = parseEnvelope(await credentialFor(files, row.approver, { ledger: "", trust_domain: row.trust_domain, zone: row.zone }, key));
  const found = verifyCredential(env, parseIssuers(row.issuers.map(fromHex)), BigInt(row.at));
  return {
    payload: toHex(env.payload),
    key_ids: env.signatures.map((s) => s.keyID),
    pae: toHex(pae(env.payloadType, env.payload)),
    signature: toHex(env.signatures[1].sig),
    name: found.id.name,
    keyID: found.keyID,
  };
}

/** An ECDSA signature as ASN.1 DER. */
export const der = (raw) => toHex(derOf(fromHex(raw)));

/** The ids of two halts that are made one after the other of the same words, and the times before and after. */
export function ids(row) {
  const before = Date.now();
  const made = [1, 2].map(() => toHex(decode(GovernanceSchema, payloadOf(row), 1 << 20).id));
  return { before, made, after: Date.now() };
}
