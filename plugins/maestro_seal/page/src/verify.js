// Every step of a verification, in the order and with the verdicts of `maestro verify`. No document object, no network.
// Invariant: a verdict is `pass` only if every mandatory step passed; a step not checked is never green.
import { EvidenceError, hex } from "./strict.js";
import { InclusionVerifier, leafHash, sha256 } from "./merkle.js";
import { engine, verify as verifySignature } from "./signature.js";
import * as documents from "./documents.js";
import { alone, checkLog, step } from "./log.js";
import { checkSection, hiddenBounds } from "./zk.js";

const ORDER = [
  "parse", "signature", "subject", "log-entry", "log-inclusion", "checkpoint", "witness", "freshness", "required",
  "leaf", "zk",
];

/**
 * Verify one release. `bundles` and `leaves` are arrays of bytes, `trust` and `policy` bytes or null, `artifacts`
 * pairs of name and SHA-256 in hexadecimal, `now` milliseconds. Never throws for bad evidence.
 */
export async function verify({ bundles, trust = null, policy = null, leaves = [], artifacts = [], twice = [], now }) {
  let parsed;
  try {
    if (twice.length) throw new EvidenceError("there is more than one: give the one you trust", `${twice[0]} file`);
    parsed = parse(bundles, trust, policy, leaves);
  } catch (error) {
    if (!(error instanceof EvidenceError)) throw error;
    const rest = ORDER.slice(1).map((name) => step(name, "not-checked", "not reached: an input does not parse"));
    return report([step("parse", "fail", error.message), ...rest]);
  }
  const { manifest } = parsed;
  const tree = checkLeaves(parsed.disclosures, manifest);
  const log = await checkLog(parsed.bundles, parsed.trust, now);
  const stamps = timestamps(parsed.bundles, parsed.trust);
  const found = new Map([...tree.good.values()].map((one) => [one.leaf.id, one.leaf]));
  const files = bundles.length + leaves.length + (trust ? 1 : 0) + (policy ? 1 : 0);
  const steps = [
    step("parse", "pass", `${files} files read strictly; ${manifest.size} leaves in the manifest`),
    await checkSignatures(parsed.bundles, parsed.trust, now, log, stamps?.status === "not-checked"),
    checkSubject(artifacts, parsed, found),
    ...log.steps,
    checkRequired(manifest, found, parsed.policy, parsed.trust ? parsed.trust.policy : null, now),
    tree.step,
    ...sections(artifacts, manifest, tree.good),
    ...(stamps ? [stamps] : []),
  ];
  return report(steps, {
    manifest,
    payload: parsed.bundles[0].envelope.payload,
    good: tree.good,
    witnesses: log.witnesses,
    ways: { log: log.way ?? null, leaves: tree.good },
    trust: parsed.trust,
    engine: await engine(),
  });
}

function parse(bundles, trust, policy, leaves) {
  const parsed = bundles.map(documents.parseBundle);
  if (!parsed.length) throw new EvidenceError("there is no bundle", "bundle");
  const payload = hex(parsed[0].envelope.payload);
  if (parsed.some((one) => hex(one.envelope.payload) !== payload)) {
    throw new EvidenceError("the bundles hold different payloads", "bundle");
  }
  return {
    bundles: parsed,
    manifest: documents.parseManifest(parsed[0].envelope.payload),
    trust: trust === null ? null : documents.parseTrust(trust),
    policy: policy === null ? null : documents.parsePolicy(policy),
    disclosures: leaves.flatMap(documents.parseDisclosures),
  };
}

const validAt = (key, moment) => key.validFrom <= moment && moment <= key.validTo;

async function signersOf(keys, message, signatures) {
  const found = [];
  for (const key of keys) {
    for (const signature of signatures) {
      if (await verifySignature(key.public, signature, message)) {
        found.push(key);
        break;
      }
    }
  }
  return found;
}

async function checkSignatures(bundles, trust, now, log, undated) {
  const name = "signature";
  if (trust === null) return step(name, "not-checked", "no trust file given: nobody says whose signature counts");
  if (now > trust.expires) return step(name, "fail", "trust file: expired");
  const roots = trust.keys.filter((key) => key.role === "root" && validAt(key, now));
  const rooted = await signersOf(roots, trust.message, trust.signatures);
  if (rooted.length < trust.thresholds.root) {
    const words = `trust file: signed by ${rooted.length} of the ${trust.thresholds.root} valid root keys needed`;
    return step(name, "fail", words);
  }
  const moment = log.time ?? now;
  const counts = (key, expired = false) =>
    key.role === "release" &&
    (validAt(key, moment) || (expired && moment > key.validTo && key.validFrom <= key.validTo)) &&
    (key.maxIndex === null || (log.index !== null && log.index < key.maxIndex));
  const keys = trust.keys.filter((key) => counts(key));
  const signatures = bundles.flatMap((bundle) => bundle.envelope.signatures);
  const found = await signersOf(keys, bundles[0].envelope.signed, signatures);
  const needed = trust.thresholds.release;
  if (found.length >= needed) {
    const names = found.map((key) => `${key.name} (${key.public.id.slice(0, 12)})`).join(", ");
    return step(name, "pass", `signed by ${names}; ${needed} of ${keys.length} valid release keys needed`);
  }
  const late = undated ? trust.keys.filter((key) => counts(key, true)) : [];
  if (undated && (await signersOf(late, bundles[0].envelope.signed, signatures)).length >= needed) {
    return step(name, "not-checked", "a key has expired; whether a timestamp dates it before that is not checked here");
  }
  const words = `${found.length} of the ${needed} signatures needed are by a trusted release key over this payload`;
  return step(name, "fail", words);
}

/** Each file must be a subject, what a disclosed leaf rests on, or the log entry's proof as a file of its own. */
function checkSubject(artifacts, { manifest, bundles }, leaves) {
  const name = "subject";
  if (!artifacts.length) {
    return step(name, "not-checked", "no artifact given: which files the manifest means is not compared");
  }
  const files = new Set(manifest.subjects.map((subject) => subject.digest.sha256).filter(Boolean));
  const proofs = bundles.filter((bundle) => bundle.entry).map((bundle) => hex(sha256(alone(bundle.entry))));
  const known = new Set([...files, ...proofs, ...[...leaves.values()].flatMap((leaf) => leaf.evidence)]);
  if (manifest.sections.sbom) known.add(manifest.sections.sbom.digest.sha256);
  const strangers = artifacts.filter(([, digest]) => !known.has(digest)).map(([file]) => file);
  if (strangers.length) {
    return step(name, "fail", `the manifest does not speak about ${strangers.slice(0, 3).join(", ")}`);
  }
  if (artifacts.every(([, digest]) => !files.has(digest))) {
    return step(name, "not-checked", "none of the released files was given: what the manifest means is not compared");
  }
  const shown = (released) => artifacts.filter(([, digest]) => files.has(digest) === released).map(([file]) => file);
  const listed = (names, words) => (names.length ? [`${names.slice(0, 3).join(", ")}: ${words}`] : []);
  const words = [...listed(shown(true), "SHA-256 is a subject"), ...listed(shown(false), "named by a leaf, a section or the log entry")];
  return step(name, "pass", words.join("; "));
}

function checkLeaves(disclosures, manifest) {
  const good = new Map();
  if (!disclosures.length) return { step: step("leaf", "not-required", "no leaf given, nothing to check"), good };
  const problems = [];
  const tree = new InclusionVerifier(manifest.size, manifest.root);
  for (const item of disclosures) {
    try {
      const way = tree.verify(leafHash(item.leaf), item.index, item.hashes);
      good.set(item.index, { leaf: documents.parseLeaf(item.leaf), way, index: item.index });
    } catch (error) {
      if (!(error instanceof EvidenceError)) throw error;
      problems.push(`leaf at index ${item.index}: ${error.message}`);
    }
  }
  const sorted = new Map([...good].sort(([a], [b]) => (a < b ? -1 : 1)));
  const ids = [...sorted.values()].map((one) => one.leaf.id);
  if (ids.some((id, i) => i > 0 && !documents.before(ids[i - 1], id))) problems.push("the leaves are not sorted by id");
  if (problems.length) {
    const more = problems.length > 1 ? ` and ${problems.length - 1} more` : "";
    return { step: step("leaf", "fail", problems[0] + more), good: sorted };
  }
  const words = `${good.size} of ${manifest.size} leaves disclosed, each in the signed tree`;
  return { step: step("leaf", "pass", words), good: sorted };
}

function sections(artifacts, manifest, good) {
  const leaves = new Map([...good.values()].map((one) => [one.index, one.leaf]));
  const found = [step("zk", ...hiddenNumbers(manifest, leaves))];
  if (manifest.sections.sbom) {
    const digest = manifest.sections.sbom.digest.sha256;
    const given = artifacts.find(([, sha]) => sha === digest);
    const words = given ? `${given[0]}: SHA-256 is the signed one` : `the SBOM ${digest.slice(0, 12)} was not given`;
    found.push(step("sbom", given ? "pass" : "not-checked", words));
  }
  return found;
}

function hiddenNumbers(manifest, leaves) {
  if (manifest.sections.zk) return checkSection(manifest, leaves);
  const unproved = [...leaves.values()].find((leaf) => hiddenBounds(leaf).length);
  if (!unproved) return ["not-required", "the manifest has no zero-knowledge section"];
  return ["fail", `${unproved.id}: a hidden number with a bound, and the manifest has no zero-knowledge section`];
}

/** What is there and not checked is said, and is not green: the page checks no tokens, `maestro verify` does. */
function timestamps(bundles, trust) {
  const counts = bundles.map((bundle) => bundle.timestamps.length);
  const count = counts.reduce((sum, one) => sum + one, 0);
  const needed = trust?.thresholds.timestamp ?? 0;
  const tokens = count === 1 ? "1 RFC 3161 token" : `${count} RFC 3161 tokens`;
  const said = (...words) => step("timestamp", ...words);
  if (!count && !needed) return null;
  if (trust === null) return said("not-checked", `${tokens}, and no trust file says whose word counts`);
  if (!trust.authorities.length) {
    return said("not-required", `${tokens}; the trust file names no timestamp authority, so they prove nothing here`);
  }
  const fewest = Math.min(...counts);
  if (fewest < needed) {
    return said("fail", `timestamps demanded for each signature: ${needed}, there: ${fewest}`);
  }
  return said("not-checked", `${tokens}: this page does not check them, 'maestro verify' does`);
}

function matches(pattern, id) {
  const parts = pattern.split("*");
  if (parts.length === 1) return pattern === id;
  const [first, last] = [parts[0], parts.at(-1)];
  if (!id.startsWith(first) || !id.endsWith(last)) return false;
  let position = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = id.indexOf(part, position);
    if (found < 0) return false;
    position = found + part.length;
  }
  return position <= id.length - last.length;
}

function checkRequired(manifest, leaves, policy, pinned, now) {
  const name = "required";
  const sealed = `sealed under policy ${manifest.policy.slice(0, 12)}`;
  if (pinned !== null && manifest.policy !== pinned) {
    return step(name, "fail", `${sealed}, but the trust file pins ${pinned.slice(0, 12)}`);
  }
  if (policy === null) {
    return step(name, "not-checked", "no policy file given: whether the required list covers it is unknown");
  }
  if (manifest.policy !== policy.sha256) {
    return step(name, "fail", `${sealed}, but the policy file is ${policy.sha256.slice(0, 12)}`);
  }
  const binding = policy.rules.filter((rule) => rule.severity === "block" && rule.when === null);
  const uncovered = binding.filter((rule) => !manifest.required.some((id) => matches(rule.require, id)));
  if (uncovered.length) {
    const names = uncovered.slice(0, 3).map((rule) => rule.require).join("; ");
    return step(name, "fail", `the policy demands what the manifest does not: ${names}`);
  }
  const given = manifest.required.filter((id) => leaves.has(id));
  const problems = given.map((id) => problem(leaves.get(id), manifest, policy, now)).filter(Boolean);
  if (problems.length) return step(name, "fail", problems.slice(0, 3).join("; "));
  const hidden = manifest.required.filter((id) => !leaves.has(id));
  if (hidden.length) {
    return step(name, "not-checked", `${hidden.length} required leaves were not given: ${hidden.slice(0, 3).join("; ")}`);
  }
  const waived = given.filter((id) => leaves.get(id).verdict === "warn").length;
  const accepted = waived ? ` (${waived} by waiver or as warnings)` : "";
  const source = pinned !== null ? "as pinned by the trust file" : "as signed; the trust file pins none";
  const words = `${manifest.required.length} required obligations accepted${accepted}; policy ${manifest.policy.slice(0, 12)}`;
  return step(name, "pass", `${words} ${source}`);
}

function problem(leaf, manifest, policy, now) {
  if (leaf.verdict === "warn" && policy.waivers.some((one) => one.key === leaf.id && now <= one.expires)) return null;
  const rules = policy.rules.filter((rule) => rule.severity === "block" && matches(rule.require, leaf.id));
  const always = rules.filter((rule) => rule.when === null);
  if (always.length) return always.map((rule) => refusal(leaf, manifest, rule)).find(Boolean) ?? null;
  if (!rules.length) return verdictRefusal(leaf, ["pass"]);
  const refusals = rules.map((rule) => refusal(leaf, manifest, rule));
  return refusals.includes(null) ? null : refusals[0];
}

const verdictRefusal = (leaf, accept) => (accept.includes(leaf.verdict) ? null : `${leaf.id} has verdict ${leaf.verdict}`);

function refusal(leaf, manifest, rule) {
  const refused = verdictRefusal(leaf, rule.accept);
  if (refused || (rule.low === null && rule.high === null)) return refused;
  const names = Object.keys(leaf.metrics);
  if (!names.length) return `${leaf.id} states no number for rule '${rule.id}'`;
  for (const name of names) {
    const metric = leaf.metrics[name];
    const open = "q" in metric;
    const proved = open ? new Set() : statements(manifest, leaf.id, name);
    const low = open ? metric.q : proved.has(`>= ${metric.min}`) ? metric.min : null;
    const high = open ? metric.q : proved.has(`<= ${metric.max}`) ? metric.max : null;
    const scale = BigInt(metric.scale);
    if (rule.low !== null && (low === null || low * rule.scale < rule.low * scale)) {
      return `${leaf.id}: less than rule '${rule.id}' demands`;
    }
    if (rule.high !== null && (high === null || high * rule.scale > rule.high * scale)) {
      return `${leaf.id}: more than rule '${rule.id}' allows`;
    }
  }
  return null;
}

function statements(manifest, id, metric) {
  const listed = manifest.sections.zk?.statements;
  const found = (Array.isArray(listed) ? listed : []).filter((one) => one?.id === id && one?.metric === metric);
  return new Set(found.map((one) => `${one.op} ${one.threshold}`));
}

function report(steps, found = {}) {
  const { manifest = null, good = new Map() } = found;
  const first = (status) => steps.find((one) => one.status === status)?.step;
  const failure = first("fail") ?? first("not-checked") ?? null;
  const verdict = first("fail") ? "fail" : failure || !first("pass") ? "incomplete" : "pass";
  const object = {
    schema: "maestro.verify/1",
    ok: verdict === "pass",
    verdict,
    first_failure: failure,
    steps,
    manifest: manifest && {
      sha256: hex(sha256(found.payload)),
      name: manifest.release.name,
      version: manifest.release.version,
    },
    disclosed: [...good.values()].map((one) => leafObject(one.index, one.leaf)),
    statements: manifest?.sections.zk ? manifest.sections.zk.statements : [],
    witnesses: found.witnesses ?? 0,
    engine: { ed25519: found.engine ?? "none" },
  };
  return { object, ways: found.ways ?? null, trust: found.trust ?? null };
}

function leafObject(index, leaf) {
  const result = { id: leaf.id, index: String(index), kind: leaf.kind, verdict: leaf.verdict };
  if (leaf.value !== undefined) result.value = leaf.value;
  const metrics = Object.entries(leaf.metrics).map(([name, metric]) => {
    const shown = { scale: metric.scale, round: metric.round };
    for (const field of ["q", "min", "max"]) if (field in metric) shown[field] = String(metric[field]);
    if ("commit" in metric) shown.commit = metric.commit;
    return [name, shown];
  });
  if (metrics.length) result.metrics = Object.fromEntries(metrics);
  return result;
}
