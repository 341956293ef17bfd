// Aptos' range proofs (Rust in WASM) as a filter: one JSON task on standard input, one JSON answer on standard output.
// {"do": "verify", "proof", "commitments", "base", "blinding", "bits"} -> {"ok": bool}
// {"do": "prove", "values", "blindings", "base", "blinding", "bits"} -> {"proof", "commitments"}; all bytes in hexadecimal.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { initSync, batch_range_proof, batch_verify_proof } from "@aptos-labs/confidential-asset-wasm-bindings/range-proofs";

const require = createRequire(import.meta.url);
const place = require.resolve("@aptos-labs/confidential-asset-wasm-bindings/range-proofs");
initSync({ module: readFileSync(place.replace(/[^/]*$/, "aptos_rp_wasm_bg.wasm")) });

const bytes = (text) => Uint8Array.from(Buffer.from(text, "hex"));
const hex = (data) => Buffer.from(data).toString("hex");
const task = JSON.parse(readFileSync(0, "utf8"));
const [base, blinding] = [bytes(task.base), bytes(task.blinding)];
let answer;
if (task.do === "verify") {
  let ok = false;
  try {
    ok = batch_verify_proof(bytes(task.proof), task.commitments.map(bytes), base, blinding, task.bits);
  } catch (error) {
    ok = false;
  }
  answer = { ok };
} else {
  const made = batch_range_proof(new BigUint64Array(task.values.map(BigInt)), task.blindings.map(bytes), base, blinding, task.bits);
  answer = { proof: hex(made.proof()), commitments: made.comms().map(hex) };
}
process.stdout.write(JSON.stringify(answer));
