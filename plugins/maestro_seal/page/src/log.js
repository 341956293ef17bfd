// The steps about the transparency log: notes, checkpoints, cosignatures, the entry and its place.
import * as s from "./strict.js";
import { EvidenceError } from "./strict.js";
import { leafHash, sha256, verifyInclusion } from "./merkle.js";
import { ED25519, ML_DSA_44, rawOf, verify } from "./signature.js";
import { NONE } from "./documents.js";

const NAMES = ["log-entry", "log-inclusion", "checkpoint", "witness", "freshness"];
const LOG_KEY = 1;
const COSIGNATURES = { [ED25519]: 4, [ML_DSA_44]: 6 };
const SKEW = 5 * 60 * 1000;
const EMPTY_ROOT = sha256(new Uint8Array());
const DETAILS = { ed25519: "PKIX_ED25519", "ecdsa-p256": "PKIX_ECDSA_P256_SHA_256" };

export const step = (name, status, detail) => ({ step: name, status, detail });
const all = (status, detail) => ({ steps: NAMES.map((name) => step(name, status, detail)), witnesses: 0, time: null, index: null });
const validAt = (key, moment) => key.validFrom <= moment && moment <= key.validTo;

/** Run the five steps over every bundle; a step fails if it fails for one of them. */
export async function checkLog(bundles, trust, now) {
  if (trust === null) return all("not-checked", "no trust file given");
  if (trust.log === NONE) return all("not-required", "not required by this trust file (log: none)");
  const found = [];
  for (const bundle of bundles) found.push(await checkBundle(bundle, trust, now));
  const order = ["fail", "not-checked", "not-required", "pass"];
  const worst = (steps) => steps.reduce((a, b) => (order.indexOf(b.status) < order.indexOf(a.status) ? b : a));
  return {
    steps: NAMES.map((_, i) => worst(found.map((one) => one.steps[i]))),
    witnesses: Math.min(...found.map((one) => one.witnesses)),
    time: found.some((one) => one.time === null) ? null : Math.max(...found.map((one) => one.time)),
    index: found.some((one) => one.index === null)
      ? null
      : found.reduce((high, one) => (one.index > high ? one.index : high), 0n),
    way: found[0].way,
  };
}

async function checkBundle(bundle, trust, now) {
  const entry = bundle.entry;
  if (entry === null) {
    const words = `the trust file demands the log ${trust.log}, and the bundle has no log entry`;
    const rest = all("not-checked", "there is no log entry");
    return { ...rest, steps: [step(NAMES[0], "fail", words), ...rest.steps.slice(1)] };
  }
  const first = entryStep(bundle.envelope, entry, trust);
  let checkpoint;
  try {
    checkpoint = parseCheckpoint(entry.checkpoint);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const rest = all("not-checked", "the checkpoint does not parse");
    return { ...rest, steps: [first, rest.steps[1], step(NAMES[2], "fail", error.what), ...rest.steps.slice(3)] };
  }
  const witness = await witnessStep(checkpoint, trust, now);
  const [included, way] = inclusionStep(entry, checkpoint);
  const signed = await checkpointStep(entry, checkpoint, trust, witness.time ?? now);
  const steps = [first, included, signed, witness.step, freshnessStep(checkpoint, trust)];
  const placed = included.status === "pass" && signed.status === "pass";
  const dated = steps.slice(0, 4).every((one) => one.status === "pass");
  return { steps, witnesses: witness.count, time: dated ? witness.time : null, index: placed ? entry.index : null, way };
}

/** The proof of a log entry as a file of its own (C2SP tlog-proof). */
export function alone(entry) {
  const lines = ["c2sp.org/tlog-proof@v1", `index ${entry.index}`, ...entry.hashes.map(s.toBase64), "", ""];
  return s.joined(s.bytesOf(lines.join("\n")), entry.checkpoint);
}

function entryStep(envelope, entry, trust) {
  for (const key of trust.keys.filter((one) => one.role === "release")) {
    const verifier = { keyDetails: DETAILS[key.public.alg], publicKey: { rawBytes: s.toBase64(key.public.spki) } };
    const body = {
      payloadHash: { algorithm: "SHA2_256", digest: s.toBase64(sha256(envelope.payload)) },
      signatures: [{ content: s.toBase64(envelope.signatures[0]), verifier }],
    };
    const expected = s.encode({ apiVersion: "0.0.2", kind: "dsse", spec: { dsseV002: body } });
    if (s.same(expected, entry.body)) {
      return step("log-entry", "pass", `the entry is this signature over this payload, by ${key.name}`);
    }
  }
  return step("log-entry", "fail", "the logged entry is not about this payload, signature and a release key");
}

function inclusionStep(entry, checkpoint) {
  const name = "log-inclusion";
  if (entry.size !== checkpoint.size || !s.same(entry.root, checkpoint.root)) {
    return [step(name, "fail", "size or root of the proof are not those of the checkpoint"), null];
  }
  if (entry.index !== entry.proofIndex) {
    return [step(name, "fail", `two indices are stated, ${entry.index} and ${entry.proofIndex}`), null];
  }
  try {
    const way = verifyInclusion(leafHash(entry.body), entry.index, checkpoint.size, entry.hashes, checkpoint.root);
    return [step(name, "pass", `entry ${entry.index} of ${checkpoint.size} in the log`), way];
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return [step(name, "fail", error.what), null];
  }
}

async function checkpointStep(entry, checkpoint, trust, moment) {
  const name = "checkpoint";
  if (checkpoint.origin !== trust.log) {
    return step(name, "fail", `of the log ${checkpoint.origin.slice(0, 80)}, but ${trust.log} is trusted`);
  }
  const signers = [];
  try {
    for (const key of noteKeys(trust, "log")) {
      const found = matching(checkpoint, key, LOG_KEY);
      if (await allValid(key, found.map((sig) => [sig, checkpoint.text]))) signers.push(key);
    }
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return step(name, "fail", error.what);
  }
  const good = signers.filter(
    (key) => validAt(key, moment) && (key.maxIndex === null || entry.index < key.maxIndex),
  );
  const needed = trust.thresholds.log ?? 1;
  if (good.length < needed) {
    const why = signers.length ? "outside its validity" : "not signed by a trusted log key";
    return step(name, "fail", `${good.length} of ${needed} log signatures count: ${why}`);
  }
  if (!good.some((key) => s.same(keyHash(key, LOG_KEY), entry.logId))) {
    return step(name, "fail", "the bundle's log id is not that of the key that signed");
  }
  return step(name, "pass", `${checkpoint.origin} signed the head of size ${checkpoint.size}`);
}

async function witnessStep(checkpoint, trust, now) {
  const name = "witness";
  const times = [];
  try {
    for (const key of noteKeys(trust, "witness")) {
      const blobs = matching(checkpoint, key, COSIGNATURES[key.public.alg]);
      const stamped = blobs.map((blob) => ({ seconds: stamp(blob), sig: blob.slice(8) }));
      const signed = stamped.map(({ seconds, sig }) => [sig, cosigned(checkpoint, key, seconds)]);
      if (!(await allValid(key, signed))) continue;
      const seconds = stamped.map((one) => one.seconds).reduce((a, b) => (b < a ? b : a));
      const moment = seconds < 253402300800n ? Number(seconds) * 1000 : null;
      if (moment !== null && validAt(key, moment) && moment <= now + SKEW) times.push(Math.min(moment, now));
    }
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    return { step: step(name, "fail", error.what), count: 0, time: null };
  }
  const count = times.length;
  if (count < trust.quorum) {
    return { step: step(name, "fail", `${count} of the ${trust.quorum} witnesses demanded cosigned`), count, time: null };
  }
  if (!trust.quorum) {
    const words = `${count} witnesses cosigned, the trust file demands none`;
    return { step: step(name, "not-required", words), count, time: null };
  }
  times.sort((a, b) => a - b);
  const words = `${count} witnesses cosigned, ${trust.quorum} demanded`;
  return { step: step(name, "pass", words), count, time: times[trust.quorum - 1] };
}

function freshnessStep(checkpoint, trust) {
  const { size } = checkpoint;
  if (size < trust.minTreeSize) {
    return step("freshness", "fail", `the head has size ${size}, the trust file demands ${trust.minTreeSize}`);
  }
  return step("freshness", "pass", `size ${size} is at least ${trust.minTreeSize}; no earlier head to compare`);
}

const noteKeys = (trust, role) => trust.keys.filter((key) => key.role === role && key.public.alg in COSIGNATURES);
const keyHash = (key, kind) =>
  sha256(s.joined(s.bytesOf(`${key.name}\n`), Uint8Array.of(kind), rawOf(key.public)));

/** What a cosignature is over: text for Ed25519; for ML-DSA-44 a structure that holds the witness's name too. */
function cosigned(checkpoint, key, seconds) {
  if (key.public.alg === ED25519) return s.joined(s.bytesOf(`cosignature/v1\ntime ${seconds}\n`), checkpoint.text);
  const [name, origin] = [key.name, checkpoint.origin].map(s.bytesOf);
  if (name.length > 255 || origin.length > 255) throw new EvidenceError("a name is longer than 255 bytes", "cosignature");
  const label = s.bytesOf("subtree/v1\n\0");
  const names = [Uint8Array.of(name.length), name, u64(seconds), Uint8Array.of(origin.length), origin];
  return s.joined(label, ...names, u64(0n), u64(checkpoint.size), checkpoint.root);
}

const u64 = (number) => new Uint8Array(new BigUint64Array([number]).buffer).reverse();
const stamp = (blob) => blob.slice(0, 8).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);

function matching(checkpoint, key, kind) {
  const hint = keyHash(key, kind).slice(0, 4);
  return checkpoint.signatures.filter((one) => one.name === key.name && s.same(one.hint, hint)).map((one) => one.sig);
}

async function allValid(key, signed) {
  for (const [sig, message] of signed) {
    if (!(await verify(key.public, sig, message))) {
      throw new EvidenceError(`a signature in the name of ${key.name.slice(0, 80)} does not verify`, "checkpoint");
    }
  }
  return signed.length > 0;
}

export function parseCheckpoint(bytes) {
  const where = "checkpoint";
  const note = parseNote(bytes, where);
  const lines = new TextDecoder().decode(note.text).slice(0, -1).split("\n");
  if (lines.length < 3 || lines.includes("")) throw new EvidenceError("no origin, size and root", where);
  const size = s.natural(lines[1], `${where} size`);
  if (/[-_]/.test(lines[2])) throw new EvidenceError("the root is not standard base64", where);
  const root = s.base64(lines[2], `${where} root`, 32);
  if (size > 2n ** 63n - 1n || (size === 0n && !s.same(root, EMPTY_ROOT))) {
    throw new EvidenceError("no tree has this size and root", where);
  }
  return { origin: lines[0], size, root, ...note };
}

function parseNote(bytes, where) {
  if (bytes.length > 128 * 1024) throw new EvidenceError("longer than a note may be", where);
  const whole = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(whole)) throw new EvidenceError("a control character", where);
  const cut = whole.lastIndexOf("\n\n");
  if (cut < 1 || !whole.endsWith("\n") || whole.length < cut + 3) throw new EvidenceError("no signed note", where);
  const lines = whole.slice(cut + 2, -1).split("\n");
  if (lines.length > 128) throw new EvidenceError("more than 128 signature lines", where);
  const signatures = lines.map((line) => {
    const parts = line.replace(/^— /, "").split(" ");
    if (!line.startsWith("— ") || parts.length !== 2 || /[-_]/.test(parts[1])) {
      throw new EvidenceError("a signature line is an em dash, a name and base64", where);
    }
    if (!isName(parts[0])) throw new EvidenceError("no name of a key", where);
    const blob = s.base64(parts[1], `${where} signature`);
    if (blob.length < 5) throw new EvidenceError("a signature line without a signature", where);
    return { name: parts[0], hint: blob.slice(0, 4), sig: blob.slice(4) };
  });
  return { text: s.bytesOf(whole.slice(0, cut + 1)), signatures };
}

// Python's \s also takes U+001C to U+001F and U+0085; the former are control characters, refused above.
const isName = (name) => !/[\s\u0085+]/u.test(name) && [...name].length >= 1 && [...name].length <= 256;
