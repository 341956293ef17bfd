// RFC 9162 inclusion proofs over SHA-256, lengths and counts checked first.
import { sha256 } from "@noble/hashes/sha2.js";
import { EvidenceError, joined, same } from "./strict.js";

export { sha256 };
export const leafHash = (bytes) => sha256(joined(Uint8Array.of(0), bytes));
export const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

/** Check that `leaf` (a hash) stands at `index` of the tree; indices and sizes are BigInt. Returns the way up. */
export function verifyInclusion(leaf, index, size, path, root) {
  const where = "inclusion proof";
  if (index >= size) throw new EvidenceError(`index ${index} is outside a tree of ${size}`, where);
  const inner = bits(index ^ (size - 1n));
  const border = ones(index >> BigInt(inner));
  if (path.length !== inner + border) {
    throw new EvidenceError(`expected ${inner + border} hashes, got ${path.length}`, where);
  }
  let seed = leaf;
  const way = [];
  path.forEach((sibling, height) => {
    const left = height >= inner || ((index >> BigInt(height)) & 1n) === 1n;
    way.push({ sibling, left });
    seed = left ? nodeHash(sibling, seed) : nodeHash(seed, sibling);
  });
  if (!same(seed, root)) throw new EvidenceError("the leaf is not in the signed tree at this index", where);
  return way;
}

const bits = (number) => (number === 0n ? 0 : number.toString(2).length);
const ones = (number) => number.toString(2).replaceAll("0", "").length;
