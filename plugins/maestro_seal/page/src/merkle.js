// RFC 9162 inclusion proofs over SHA-256, lengths and counts checked first.
import { sha256 } from "@noble/hashes/sha2.js";
import { EvidenceError, joined, same } from "./strict.js";

export { sha256 };
export const leafHash = (bytes) => sha256(joined(Uint8Array.of(0), bytes));
export const nodeHash = (left, right) => sha256(joined(Uint8Array.of(1), left, right));

/** Checks many proofs against one root, hashing no node twice: a proof that meets a node already verified must go on as
 * the proof that verified it, for then it is the rest of a proof that was checked to the root. */
export class InclusionVerifier {
  constructor(size, root) {
    Object.assign(this, { size, root, known: new Map() });
  }

  /** As `verifyInclusion`. */
  verify(leaf, index, path) {
    const seen = [];
    if (index < this.size && this.meets(leaf, index, path, seen)) {
      for (const [place, node] of seen) this.known.set(place, node);
      return wayUp(index, this.size, path);
    }
    const way = verifyInclusion(leaf, index, this.size, path, this.root);
    for (const [place, node] of seen) this.known.set(place, node);
    return way;
  }

  /** Whether the proof meets a verified node and goes on like it; what it passed before goes into `seen`. */
  meets(leaf, index, path, seen) {
    let [seed, position, last, used] = [leaf, index, this.size - 1n, 0];
    for (let height = 0; last > 0n; height += 1) {
      const node = this.known.get(`${height} ${position}`);
      if (node) {
        const rest = path.slice(used);
        return same(node.seed, seed) && node.rest.length === rest.length && node.rest.every((hash, i) => same(hash, rest[i]));
      }
      seen.push([`${height} ${position}`, { seed, rest: path.slice(used) }]);
      const left = (position & 1n) === 1n;
      if (left || position < last) {
        if (used === path.length) return false;
        seed = left ? nodeHash(path[used], seed) : nodeHash(seed, path[used]);
        used += 1;
      }
      position >>= 1n;
      last >>= 1n;
    }
    return false;
  }
}

/** Check that `leaf` (a hash) stands at `index` of the tree; indices and sizes are BigInt. Returns the way up. */
export function verifyInclusion(leaf, index, size, path, root) {
  const where = "inclusion proof";
  if (index >= size) throw new EvidenceError(`index ${index} is outside a tree of ${size}`, where);
  const inner = bits(index ^ (size - 1n));
  const border = ones(index >> BigInt(inner));
  if (path.length !== inner + border) {
    throw new EvidenceError(`expected ${inner + border} hashes, got ${path.length}`, where);
  }
  const way = wayUp(index, size, path);
  const top = way.reduce((seed, { sibling, left }) => (left ? nodeHash(sibling, seed) : nodeHash(seed, sibling)), leaf);
  if (!same(top, root)) throw new EvidenceError("the leaf is not in the signed tree at this index", where);
  return way;
}

/** Each sibling with the side it stands on. */
function wayUp(index, size, path) {
  const inner = bits(index ^ (size - 1n));
  return path.map((sibling, i) => ({ sibling, left: i >= inner || ((index >> BigInt(i)) & 1n) === 1n }));
}

const bits = (number) => (number === 0n ? 0 : number.toString(2).length);
const ones = (number) => number.toString(2).replaceAll("0", "").length;
