// Which of a release's documents a dropped file is: by its members, as the verifier will read them, never by its name
// alone; whatever is none of them is an artifact. Two files of a kind that comes once are told, not silently merged.
import { sha256 } from "@noble/hashes/sha2.js";
import { MAX_BYTES, hex } from "./strict.js";

const SLICE = 8 * 1024 * 1024;
const SUBTLE_LIMIT = 512 * 1024 * 1024;
const NAMES = { bundle: /\.sigstore\.json$/, leaf: /\.ce-leaf\.json$/, policy: /\.policy\.json$/, trust: /^trust\.json$/ };

export async function sort(files) {
  const found = { bundles: [], trust: null, policy: null, leaves: [], artifacts: [], names: [], twice: [] };
  for (const file of files) {
    const bytes = file.size > MAX_BYTES ? null : new Uint8Array(await file.arrayBuffer());
    const kind = kindOf(file.name, bytes);
    found.names.push({ name: file.name, kind });
    if (kind === "bundle") found.bundles.push(bytes);
    else if (kind === "leaf") found.leaves.push(bytes);
    else if (kind === "artifact") found.artifacts.push([file.name, await digestOf(file)]);
    else if (found[kind] === null) found[kind] = bytes;
    else found.twice.push(kind);
  }
  return found;
}

function kindOf(name, bytes) {
  const named = Object.keys(NAMES).find((kind) => NAMES[kind].test(name));
  if (named && bytes !== null) return named;
  return (bytes !== null && name.endsWith(".json") && kindByContent(bytes)) || "artifact";
}

/** By what only such a document holds; the strict reader judges it afterwards. */
function kindByContent(bytes) {
  let value;
  try {
    value = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return null;
  }
  if (value?.mediaType?.startsWith?.("application/vnd.dev.sigstore.bundle")) return "bundle";
  if (value?.schema === "maestro.policy/1") return "policy";
  if (value?.signed?.schema === "maestro.trust/1") return "trust";
  const first = Array.isArray(value) ? value[0] : value;
  return first?.v === 3 && typeof first?.leaf === "string" ? "leaf" : null;
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
