// Aptos' range proofs (Rust in WASM) as a filter: a JSON array of tasks on standard input, one of answers on output.
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

function verify(task, base, blinding) {
  try {
    return { ok: batch_verify_proof(bytes(task.proof), task.commitments.map(bytes), base, blinding, task.bits) };
  } catch (error) {
    return { ok: false }; // it throws for what does not decode
  }
}

function prove(task, base, blinding) {
  const values = new BigUint64Array(task.values.map(BigInt));
  const made = batch_range_proof(values, task.blindings.map(bytes), base, blinding, task.bits);
  return { proof: hex(made.proof()), commitments: made.comms().map(hex) };
}

const answers = JSON.parse(readFileSync(0, "utf8")).map((task) =>
  (task.do === "verify" ? verify : prove)(task, bytes(task.base), bytes(task.blinding)),
);
process.stdout.write(JSON.stringify(answers));
