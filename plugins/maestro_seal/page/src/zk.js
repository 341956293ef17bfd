// The step `zk`: every statement of the section holds for the value the signer committed to. Nothing here proves that a
// number was measured rightly: that is the signer's word.
import { before, checkId } from "./documents.js";
import { Transcript } from "./merlin.js";
import { sha256 } from "./merkle.js";
import { IDENTITY, Point, proofSize, proper, verifyRange } from "./rangeproof.js";
import * as s from "./strict.js";
import { EvidenceError } from "./strict.js";

const SUITE = "bulletproofs-ristretto255-merlin-v1";
const LABEL = "maestro-ce/zk-threshold/v1";
const MAX_ROWS = 16;
const MAX_SCALE = 10 ** 12;
const OFFSET = 2n ** 63n;
const ROUNDINGS = { ">=": ["floor", "exact"], "<=": ["ceil", "exact"] };
const BOUNDS = { ">=": "min", "<=": "max" };

/** The status and the words of the step; `leaves` maps an index (BigInt) to an included leaf. */
export function checkSection(manifest, leaves) {
  let section;
  try {
    section = parseSection(manifest.sections.zk, manifest.size);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return ["fail", error.message];
  }
  const { statements, bits, proof } = section;
  const problem = unstated(statements, leaves) ?? sharedCommitment(statements) ?? contradiction(statements, leaves);
  if (problem) return ["fail", problem];
  const missing = statements.find((one) => !leaves.has(one.leaf));
  if (missing) return ["not-checked", `the leaf of ${missing.id} was not given, so its commitment is unknown`];
  const rows = statements.map((one) => ({ ...one, round: leaves.get(one.leaf).metrics[one.metric].round }));
  const failure = checkProof(manifest, rows, bits, proof);
  if (failure) return ["fail", failure];
  const bounds = statements.map(words).join(", ");
  return ["pass", `the value the signer committed to meets the bound: ${bounds} (${proof.length} bytes, ${bits} bits, noble)`];
}

function parseSection(value, size) {
  const where = "manifest zk";
  const body = s.members(value, ["suite", "bits", "statements", "proof"], [], where);
  s.oneOf(body.suite, [SUITE], `${where} suite`);
  const bits = s.integer(body.bits, 1, 64, `${where} bits`);
  const items = s.array(body.statements, `${where} statements`);
  if (![32, 64].includes(bits) || items.length < 1 || items.length > MAX_ROWS) {
    throw new EvidenceError(`expected 1 to ${MAX_ROWS} statements of 32 or 64 bits`, where);
  }
  if (size >= 2n ** 64n) throw new EvidenceError("a tree of 2**64 leaves or more", where);
  const statements = items.map((item) => parseStatement(item, size));
  if (statements.some((one, i) => i > 0 && !follows(statements[i - 1], one))) {
    throw new EvidenceError("statements are not sorted and unique", where);
  }
  return { bits, statements, proof: s.base64(body.proof, `${where} proof`) };
}

function parseStatement(value, size) {
  const names = ["id", "metric", "scale", "op", "threshold", "commit", "leaf"];
  const body = s.members(value, names, [], "manifest zk statement");
  const where = `manifest zk statement ${checkId(body.id)}`;
  const threshold = s.decimal(body.threshold, where);
  if (threshold < -OFFSET || threshold >= OFFSET) throw new EvidenceError("the threshold is outside 64 bits", where);
  const leaf = s.natural(body.leaf, where);
  if (leaf >= size) throw new EvidenceError(`there is no leaf ${leaf} in a tree of ${size}`, where);
  return {
    id: body.id,
    metric: s.text(body.metric, where),
    scale: s.integer(body.scale, 1, MAX_SCALE, where),
    op: s.oneOf(body.op, [">=", "<="], where),
    threshold,
    commit: s.fromHex(s.sha256Hex(body.commit, where)),
    leaf,
  };
}

function follows(one, next) {
  for (const name of ["id", "metric", "op"]) if (one[name] !== next[name]) return before(one[name], next[name]);
  return false;
}

/** A disclosed leaf that passes by a hidden number needs a statement for each of its bounds. */
function unstated(statements, leaves) {
  const stated = new Set(statements.map((one) => JSON.stringify([one.id, one.metric, one.op, `${one.threshold}`])));
  for (const leaf of leaves.values()) {
    for (const [name, op, bound] of hiddenBounds(leaf)) {
      if (!stated.has(JSON.stringify([leaf.id, name, op, `${bound}`]))) {
        return `${leaf.id}: passes by a hidden number that no statement speaks about`;
      }
    }
  }
  return null;
}

/** [metric, operator, bound] of every hidden number that a passing leaf rests on. */
export function hiddenBounds(leaf) {
  if (leaf.verdict !== "pass") return [];
  const hidden = Object.entries(leaf.metrics).filter(([, metric]) => "commit" in metric);
  return hidden.flatMap(([name, metric]) =>
    Object.entries(BOUNDS)
      .filter(([, bound]) => bound in metric)
      .map(([op, bound]) => [name, op, metric[bound]]),
  );
}

/** Two numbers with one commitment: one was copied, or a blinding was used twice and shows that they are equal. */
function sharedCommitment(statements) {
  const owners = new Map();
  for (const { commit, id, metric } of statements) {
    const owner = owners.get(s.hex(commit)) ?? { id, metric };
    if (owner.id !== id || owner.metric !== metric) return `${id}: its commitment is also that of ${owner.id}`;
    owners.set(s.hex(commit), owner);
  }
  return null;
}

function contradiction(statements, leaves) {
  for (const one of statements) {
    const leaf = leaves.get(one.leaf);
    if (!leaf) continue;
    const metric = leaf.metrics[one.metric];
    if (leaf.id !== one.id || !metric || !("commit" in metric)) {
      return `${one.id}: leaf ${one.leaf} is ${leaf.id} and hides no such number ${one.metric}`;
    }
    const differs = [
      [metric.commit !== s.hex(one.commit), "the statement's commitment is not the leaf's"],
      [metric.scale !== one.scale, "the statement's scale is not the leaf's"],
      [!ROUNDINGS[one.op].includes(metric.round), `a number rounded by ${metric.round} does not support ${one.op}`],
      [leaf.verdict !== "pass", `a bound is proved for a leaf whose verdict is ${leaf.verdict}`],
      [metric[BOUNDS[one.op]] !== one.threshold, "the threshold is not the leaf's bound"],
    ].find(([is]) => is);
    if (differs) return `${one.id}: ${differs[1]}`;
  }
  return null;
}

/** Why the one proof does not show the rows of this manifest, or null if it does. */
function checkProof(manifest, rows, bits, proof) {
  const commitments = [];
  for (const row of rows) {
    const point = proper(row.commit);
    if (point === null) return `${row.id}: the commitment is no proper group element`;
    const bound = Point.BASE.multiplyUnsafe(Point.Fn.create(row.threshold));
    const distance = (row.op === ">=" ? point.subtract(bound) : bound.subtract(point)).toBytes();
    if (s.same(distance, IDENTITY)) return `${row.id}: the commitment hides nothing, it is the threshold itself`;
    commitments.push(distance);
  }
  while (commitments.length & (commitments.length - 1)) commitments.push(IDENTITY);
  const size = proofSize(bits, commitments.length);
  if (proof.length !== size) return `the proof has ${proof.length} bytes, not ${size}`;
  const good = verifyRange(transcriptOf(manifest, rows, bits), proof, commitments, bits);
  return good ? null : "the proof does not show these statements for this manifest";
}

/** Everything the proof is bound to, absorbed before the proof's own messages (strong Fiat-Shamir). */
function transcriptOf(manifest, rows, bits) {
  const transcript = new Transcript(LABEL);
  transcript.append("subjects", sha256(s.encode(manifest.subjects)));
  transcript.append("root", manifest.root);
  transcript.appendU64("size", manifest.size);
  transcript.appendU64("count", rows.length);
  transcript.appendU64("bits", bits);
  for (const row of rows) {
    transcript.append("id", s.bytesOf(row.id));
    transcript.append("metric", s.bytesOf(row.metric));
    transcript.appendU64("scale", row.scale);
    transcript.append("round", s.bytesOf(row.round));
    transcript.append("op", s.bytesOf(row.op));
    transcript.appendU64("threshold", row.threshold + OFFSET);
    transcript.append("C", row.commit);
  }
  return transcript;
}

/** A statement as people write it, the exact number. */
function words({ id, op, threshold, scale }) {
  const size = threshold < 0n ? -threshold : threshold;
  let [a, b] = [size, BigInt(scale)];
  while (b) [a, b] = [b, a % b];
  const [over, under] = [threshold / a, BigInt(scale) / a];
  return `${id} ${op} ${under === 1n ? over : `${over}/${under}`}`;
}
