// Which of a release's documents a dropped file is, told by its content; whatever is none of them is an artifact.
import { sha256 } from "@noble/hashes/sha2.js";
import { MAX_BYTES, hex } from "./strict.js";

const SLICE = 8 * 1024 * 1024;
const SUBTLE_LIMIT = 512 * 1024 * 1024;

export async function sort(files) {
  const found = { bundles: [], trust: null, policy: null, leaves: [], artifacts: [], names: [] };
  for (const file of files) {
    const kind = await kindOf(file);
    found.names.push({ name: file.name, kind });
    if (kind === "artifact") {
      found.artifacts.push([file.name, await digestOf(file)]);
      continue;
    }
    const bytes = new Uint8Array(await file.arrayBuffer());
    if (kind === "bundle") found.bundles.push(bytes);
    else if (kind === "leaf") found.leaves.push(bytes);
    else found[kind] = bytes;
  }
  return found;
}

async function kindOf(file) {
  if (/\.sigstore\.json$/.test(file.name)) return "bundle";
  if (/\.ce-leaf\.json$/.test(file.name)) return "leaf";
  if (/\.policy\.json$/.test(file.name)) return "policy";
  if (/trust[^/]*\.json$/.test(file.name)) return "trust";
  if (file.size > MAX_BYTES || !/\.json$/.test(file.name)) return "artifact";
  const head = await file.slice(0, 4096).text();
  if (head.includes('"maestro.policy/1"')) return "policy";
  if (head.includes("application/vnd.dev.sigstore.bundle")) return "bundle";
  return "artifact";
}

async function digestOf(file) {
  if (globalThis.crypto?.subtle && file.size <= SUBTLE_LIMIT) {
    return hex(new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer())));
  }
  const state = sha256.create();
  for (let at = 0; at < file.size; at += SLICE) {
    state.update(new Uint8Array(await file.slice(at, at + SLICE).arrayBuffer()));
  }
  return hex(state.digest());
}
