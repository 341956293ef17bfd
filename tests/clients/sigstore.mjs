// Sigstore's own JavaScript verifier on our bundles. Usage: node sigstore.mjs CASES; prints one boolean or error per case.
import { createPublicKey } from "node:crypto";
import { readFile } from "node:fs/promises";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { Verifier, toSignedEntity, toTrustMaterial } from "@sigstore/verify";

const { trust, cases } = JSON.parse(await readFile(process.argv[2], "utf8"));
const log = {
  baseUrl: `https://${trust.origin}`,
  hashAlgorithm: "SHA2_256",
  publicKey: { rawBytes: trust.logKey, keyDetails: "PKIX_ED25519", validFor: { start: "2020-01-01T00:00:00Z" } },
  logId: { keyId: trust.logId },
};
const root = TrustedRoot.fromJSON({
  mediaType: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
  tlogs: [log],
  certificateAuthorities: [],
  ctlogs: [],
  timestampAuthorities: trust.timestampAuthorities ?? [],
});
const publicKey = createPublicKey({ key: Buffer.from(trust.releaseKey, "base64"), format: "der", type: "spki" });
const finder = () => ({ publicKey, validFor: () => true });
const verifier = new Verifier(toTrustMaterial(root, finder), { ctlogThreshold: 0, tlogThreshold: 1, timestampThreshold: 0 });
const answers = cases.map((text) => {
  try {
    verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text))));
    return true;
  } catch (error) {
    return `${error.code ?? ""} ${error.message}`;
  }
});
console.log(JSON.stringify(answers));
