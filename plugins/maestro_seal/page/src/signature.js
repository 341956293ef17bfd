// Public keys and signatures. WebCrypto decides where it knows Ed25519; else @noble/curves. The verdict names the engine.
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { ml_dsa44 } from "@noble/post-quantum/ml-dsa.js";
import { EvidenceError, fromHex, hex, same } from "./strict.js";
import { sha256 } from "./merkle.js";

const SPKI_ED25519 = fromHex("302a300506032b6570032100");
const SPKI_P256 = fromHex("3059301306072a8648ce3d020106082a8648ce3d030107034200");
const SPKI_ML_DSA_44 = fromHex("30820532300b06096086480165030403110382052100"); // RFC 9881
export const ED25519 = "ed25519";
export const ECDSA_P256 = "ecdsa-p256";
export const ML_DSA_44 = "ml-dsa-44";

let subtleKnows = null;

export async function engine() {
  if (subtleKnows === null) {
    try {
      const raw = ed25519.getPublicKey(new Uint8Array(32).fill(1));
      await globalThis.crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
      subtleKnows = true;
    } catch {
      subtleKnows = false;
    }
  }
  return subtleKnows ? "webcrypto" : "noble";
}

/** The raw bytes of an Ed25519 or ML-DSA-44 key. */
export const rawOf = (key) => key.spki.slice(key.alg === ED25519 ? SPKI_ED25519.length : SPKI_ML_DSA_44.length);

/** Refuse keys about which verifiers could disagree: small order, non-canonical, off the curve. */
export function loadPublic(alg, spki, where) {
  try {
    if (alg === ED25519) {
      if (spki.length !== 44 || !same(spki.slice(0, 12), SPKI_ED25519)) throw new Error("form");
      if (ed25519.Point.fromBytes(spki.slice(12), false).isSmallOrder()) throw new Error("small order");
    } else if (alg === ECDSA_P256) {
      if (spki.length !== 91 || !same(spki.slice(0, 26), SPKI_P256)) throw new Error("form");
      p256.Point.fromBytes(spki.slice(26)).assertValidity();
    } else if (alg === ML_DSA_44) {
      if (spki.length !== 22 + 1312 || !same(spki.slice(0, 22), SPKI_ML_DSA_44)) throw new Error("form");
    } else throw new Error("algorithm");
  } catch {
    throw new EvidenceError(`no ${alg} public key that may be used`, where);
  }
  return { alg, spki, id: hex(sha256(spki)) };
}

export async function verify(key, signature, message) {
  try {
    if (key.alg === ECDSA_P256) {
      return p256.verify(signature, message, key.spki.slice(26), { format: "der", lowS: false, prehash: true });
    }
    const raw = rawOf(key);
    if (key.alg === ML_DSA_44) return ml_dsa44.verify(signature, message, raw);
    if (signature.length !== 64) return false;
    if ((await engine()) === "noble") return ed25519.verify(signature, message, raw, { zip215: false });
    const loaded = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", loaded, signature, message);
  } catch {
    return false;
  }
}
