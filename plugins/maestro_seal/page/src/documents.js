// The files of a release: bundle, manifest, leaves, policy, trust file. Parsing only; nothing is verified here.
import * as s from "./strict.js";
import { EvidenceError } from "./strict.js";
import { ML_DSA_44, loadPublic } from "./signature.js";
import { sha256 } from "./merkle.js";

const IN_TOTO = "application/vnd.in-toto+json";
const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const STATEMENT = "https://in-toto.io/Statement/v1";
const PREDICATE = "https://maestro-conductor.dev/ce-manifest/v3";
const SECTIONS = { sbom: ["digest", "mediaType"], zk: ["suite", "bits", "statements", "proof"] };
const MAX_SCALE = 10 ** 12;
export const NONE = "none";

export const pae = (type, body) =>
  s.joined(s.bytesOf(`DSSEv1 ${s.bytesOf(type).length} ${type} ${body.length} `), body);

export function parseBundle(bytes) {
  const where = "bundle";
  const body = s.members(
    s.decode(bytes, { canonical: false, where }),
    ["mediaType", "verificationMaterial", "dsseEnvelope"],
    [],
    where,
  );
  s.oneOf(body.mediaType, [MEDIA_TYPE], `${where} mediaType`);
  const material = s.members(
    body.verificationMaterial,
    ["publicKey"],
    ["tlogEntries", "timestampVerificationData"],
    `${where} verificationMaterial`,
  );
  s.text(s.members(material.publicKey, ["hint"], [], `${where} publicKey`).hint, `${where} hint`);
  const envelope = parseEnvelope(body.dsseEnvelope, `${where} dsseEnvelope`);
  if (envelope.signatures.length !== 1) throw new EvidenceError("a bundle has one signature", where);
  const entries = s.array("tlogEntries" in material ? material.tlogEntries : [], `${where} tlogEntries`);
  if (entries.length > 1) throw new EvidenceError("a bundle has one log entry at most", where);
  return {
    envelope,
    entry: entries.length ? parseLogged(entries[0], `${where} log entry`) : null,
    timestamps: parseTimestamps("timestampVerificationData" in material ? material.timestampVerificationData : {}, `${where} timestamps`),
  };
}

function parseTimestamps(value, where) {
  const body = s.members(value, [], ["rfc3161Timestamps"], where);
  return s.array("rfc3161Timestamps" in body ? body.rfc3161Timestamps : [], where).map((token) =>
    s.base64(s.members(token, ["signedTimestamp"], [], where).signedTimestamp, where),
  );
}

function parseEnvelope(value, where) {
  const body = s.members(value, ["payload", "payloadType", "signatures"], [], where);
  const signatures = s.array(body.signatures, `${where} signatures`).map((item) => {
    const entry = s.members(item, ["sig"], ["keyid"], `${where} signature`);
    s.text(entry.keyid ?? "", `${where} keyid`);
    return s.base64(entry.sig, `${where} sig`);
  });
  if (!signatures.length) throw new EvidenceError("there is no signature", where);
  s.oneOf(body.payloadType, [IN_TOTO], `${where} payloadType`);
  const payload = s.base64(body.payload, `${where} payload`);
  return { payload, signatures, signed: pae(IN_TOTO, payload) };
}

function parseLogged(value, where) {
  const outer = s.members(
    value,
    ["logIndex", "logId", "kindVersion", "integratedTime", "inclusionProof", "canonicalizedBody"],
    [],
    where,
  );
  const logId = s.members(outer.logId, ["keyId"], [], `${where} logId`);
  const kind = s.members(outer.kindVersion, ["kind", "version"], [], `${where} kindVersion`);
  s.oneOf(kind.kind, ["dsse"], `${where} kind`);
  s.oneOf(kind.version, ["0.0.2"], `${where} version`);
  s.oneOf(outer.integratedTime, ["0"], `${where} integratedTime`);
  const proof = s.members(
    outer.inclusionProof,
    ["logIndex", "rootHash", "treeSize", "hashes", "checkpoint"],
    [],
    `${where} inclusionProof`,
  );
  const signed = s.members(proof.checkpoint, ["envelope"], [], `${where} checkpoint`);
  const body = s.base64(outer.canonicalizedBody, `${where} canonicalizedBody`);
  if (body.length > 65535) throw new EvidenceError("the entry is longer than a log can hold", where);
  return {
    index: s.natural(outer.logIndex, where),
    logId: s.base64(logId.keyId, where, 32),
    body,
    proofIndex: s.natural(proof.logIndex, where),
    size: s.natural(proof.treeSize, where),
    root: s.base64(proof.rootHash, where, 32),
    hashes: s.array(proof.hashes, where).map((hash) => s.base64(hash, where, 32)),
    checkpoint: s.bytesOf(s.text(signed.envelope, where)),
  };
}

export function checkId(value) {
  const good =
    typeof value === "string" &&
    value.normalize("NFC") === value &&
    !/[\p{Cc}\p{Cs}]/u.test(value) &&
    s.bytesOf(value).length >= 1 &&
    s.bytesOf(value).length <= 256;
  if (!good) throw new EvidenceError("no leaf id", "leaf");
  return value;
}

/** Order by Unicode code points, which is the byte order of UTF-8 (JavaScript's own order is by UTF-16 units). */
export function before(a, b) {
  const [left, right] = [s.bytesOf(a), s.bytesOf(b)];
  const length = Math.min(left.length, right.length);
  for (let i = 0; i < length; i += 1) if (left[i] !== right[i]) return left[i] < right[i];
  return left.length < right.length;
}

const ascending = (ids) => ids.every((id, i) => i === 0 || before(ids[i - 1], id));

export function parseManifest(payload) {
  const where = "manifest";
  const statement = s.members(
    s.decode(payload, { canonical: true, where }),
    ["_type", "subject", "predicateType", "predicate"],
    [],
    where,
  );
  s.oneOf(statement._type, [STATEMENT], `${where} _type`);
  s.oneOf(statement.predicateType, [PREDICATE], `${where} predicateType`);
  const predicate = s.members(
    statement.predicate,
    ["schema", "release", "tree", "policy", "required"],
    ["prev", ...Object.keys(SECTIONS)],
    `${where} predicate`,
  );
  s.integer(predicate.schema, 3, 3, `${where} schema`);
  const policy = s.digest(s.members(predicate.policy, ["digest"], [], where).digest, `${where} policy`);
  const tree = s.members(predicate.tree, ["hash", "alg", "size", "root"], [], `${where} tree`);
  s.oneOf(tree.hash, ["sha256"], `${where} tree hash`);
  s.oneOf(tree.alg, ["rfc9162"], `${where} tree alg`);
  const size = s.natural(tree.size, `${where} tree size`);
  if (!size) throw new EvidenceError("a release without a single obligation is invalid", where);
  const release = s.members(predicate.release, ["name", "version", "ref"], [], `${where} release`);
  for (const name of ["name", "version", "ref"]) s.text(release[name], `${where} release ${name}`);
  const required = s.array(predicate.required, `${where} required`).map(checkId);
  if (!ascending(required)) throw new EvidenceError("required ids are not sorted and unique", where);
  if ("prev" in predicate) s.sha256Hex(predicate.prev, `${where} prev`);
  const sections = {};
  for (const [name, required] of Object.entries(SECTIONS)) {
    if (name in predicate) sections[name] = s.members(predicate[name], required, [], `${where} ${name}`);
  }
  if (sections.sbom) {
    s.digest(sections.sbom.digest, `${where} sbom`);
    s.text(sections.sbom.mediaType, `${where} sbom`);
  }
  return {
    release,
    subjects: parseSubjects(statement.subject, `${where} subject`),
    size,
    root: s.fromHex(s.sha256Hex(tree.root, `${where} tree root`)),
    policy,
    required,
    sections,
  };
}

function parseSubjects(value, where) {
  const subjects = s.array(value, where).map((item) => {
    const body = s.members(item, ["name", "digest"], [], where);
    const name = s.text(body.name, where);
    const digests = s.members(body.digest, [], ["sha256", "gitTree", "gitCommit"], where);
    for (const [algorithm, hexText] of Object.entries(digests)) {
      const good = typeof hexText === "string" && /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(hexText);
      if (!good || (algorithm === "sha256" && hexText.length !== 64)) throw new EvidenceError("a bad digest", where);
    }
    if (!Object.keys(digests).length) throw new EvidenceError("a subject without a digest", where);
    return { name, digest: digests };
  });
  if (!subjects.length) throw new EvidenceError("a manifest about nothing is invalid", where);
  const seen = new Set(subjects.map((item) => new TextDecoder().decode(s.encode({ ...item }))));
  if (seen.size !== subjects.length) throw new EvidenceError("a subject is listed twice", where);
  return subjects;
}

export function parseDisclosures(bytes) {
  const value = s.decode(bytes, { canonical: false, where: "leaf file" });
  return (Array.isArray(value) ? value : [value]).map((item, number) => {
    const where = `leaf file entry ${number}`;
    const body = s.members(item, ["v", "leaf", "index", "hashes"], [], where);
    s.integer(body.v, 3, 3, where);
    return {
      leaf: s.base64(body.leaf, `${where} leaf`),
      index: s.natural(body.index, `${where} index`),
      hashes: s.array(body.hashes, `${where} hashes`).map((hash) => s.base64(hash, where, 32)),
    };
  });
}

export function parseLeaf(bytes) {
  const document = s.decode(bytes, { canonical: true, where: "leaf", maxBytes: 64 * 1024 });
  const names = ["v", "id", "kind", "verdict", "salt", "producer", "evidence"];
  const body = s.members(document, names, ["predicateType", "value", "metrics"], "leaf");
  s.integer(body.v, 3, 3, "leaf v");
  const where = `leaf ${checkId(body.id)}`;
  s.oneOf(body.kind, ["test", "policy", "sbom", "guard", "invariant", "taint", "bloom", "build"], where);
  s.oneOf(body.verdict, ["pass", "fail", "warn", "skip"], where);
  if (typeof body.salt !== "string" || !/^[A-Za-z0-9_-]{22}$/.test(body.salt)) throw new EvidenceError("no salt", where);
  s.base64(`${body.salt}==`, where, 16);
  const producer = s.members(body.producer, ["plugin", "version"], [], where);
  s.text(producer.plugin, where);
  s.text(producer.version, where);
  const evidence = parseEvidence(body.evidence, where);
  for (const name of ["predicateType", "value"]) if (name in body) s.text(body[name], where);
  const metrics = "metrics" in body ? parseMetrics(body.metrics, where) : {};
  const outcomes = Object.values(metrics).map(holds);
  if (body.verdict === "pass" && outcomes.includes(false)) {
    throw new EvidenceError("verdict pass, but an open number is outside its bound", where);
  }
  if (body.verdict === "fail" && outcomes.length && outcomes.every((outcome) => outcome === true)) {
    throw new EvidenceError("verdict fail, but every open number is inside its bound", where);
  }
  return { id: body.id, kind: body.kind, verdict: body.verdict, value: body.value, metrics, evidence };
}

/** The digests of what a leaf rests on. */
function parseEvidence(value, where) {
  const entries = s.array(value, where).map((item) => {
    const entry = s.members(item, ["name", "digest"], [], where);
    return `${s.digest(entry.digest, where)} ${s.text(entry.name, where)}`;
  });
  const inputs = entries.filter((entry) => entry.slice(65) === "inputs").length;
  if (new Set(entries).size !== entries.length || inputs > 1) throw new EvidenceError("an entry is listed twice", where);
  return entries.map((entry) => entry.slice(0, 64));
}

function parseMetrics(value, where) {
  const names = value !== null && typeof value === "object" && !Array.isArray(value) ? Object.keys(value) : [];
  if (!names.length) throw new EvidenceError("expected an object with at least one metric", where);
  const metrics = Object.create(null);
  for (const name of names) metrics[name] = parseMetric(value[name], where);
  return metrics;
}

function parseMetric(value, where) {
  const body = s.members(value, ["scale", "round"], ["q", "commit", "min", "max"], where);
  if ("q" in body === "commit" in body) throw new EvidenceError("a metric is either open or hidden", where);
  const metric = { scale: s.integer(body.scale, 1, MAX_SCALE, where), round: s.text(body.round, where) };
  for (const name of ["q", "min", "max"]) if (name in body) metric[name] = s.decimal(body[name], where);
  if ("commit" in body) metric.commit = s.sha256Hex(body.commit, where);
  s.oneOf(metric.round, ["floor", "ceil", "exact"], where);
  if (("min" in metric && metric.round === "ceil") || ("max" in metric && metric.round === "floor")) {
    throw new EvidenceError(`a number rounded by ${metric.round} does not support its bound`, where);
  }
  return metric;
}

function holds(metric) {
  if (!("q" in metric)) return null;
  return (!("min" in metric) || metric.q >= metric.min) && (!("max" in metric) || metric.q <= metric.max);
}

export function parsePolicy(bytes) {
  const where = "policy";
  const body = s.members(s.decode(bytes, { canonical: true, where }), ["schema", "rules", "waivers"], [], where);
  s.oneOf(body.schema, ["maestro.policy/1"], `${where} schema`);
  const rules = s.array(body.rules, `${where} rules`).map(parseRule);
  if (new Set(rules.map((rule) => rule.id)).size !== rules.length) {
    throw new EvidenceError("two rules have one id", `${where} rules`);
  }
  const waivers = s.array(body.waivers, `${where} waivers`).map((item) => {
    const waiver = s.members(item, ["key", "owner", "reason", "expires"], [], `${where} waiver`);
    for (const name of ["key", "owner", "reason"]) s.text(waiver[name], `${where} waiver ${name}`);
    return { key: waiver.key, expires: expiry(waiver.expires, `${where} waiver expires`) };
  });
  return { rules, waivers, sha256: s.hex(sha256(bytes)) };
}

function expiry(value, where) {
  const day = typeof value === "string" && /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(value);
  return s.time(day ? `${value}T23:59:59Z` : value, where);
}

function parseRule(value) {
  const where = "policy rule";
  const optional = ["accept", "min", "max", "scale", "when"];
  const body = s.members(value, ["id", "require", "severity"], optional, where);
  s.text(body.id, `${where} id`);
  const scale = BigInt(s.integer(body.scale ?? 1, 1, MAX_SCALE, `${where} scale`));
  const accept = s.array("accept" in body ? body.accept : ["pass"], `${where} accept`);
  const when = body.when ?? null;
  if (when !== null && (typeof when !== "object" || Array.isArray(when))) {
    throw new EvidenceError("expected a JSON object", `${where} when`);
  }
  const rule = {
    id: body.id,
    require: s.text(body.require, `${where} require`),
    accept: accept.map((item) => s.oneOf(item, ["pass", "warn", "skip"], `${where} accept`)),
    scale,
    low: "min" in body ? s.decimal(body.min, `${where} min`) : null,
    high: "max" in body ? s.decimal(body.max, `${where} max`) : null,
    severity: s.oneOf(body.severity, ["block", "warn"], `${where} severity`),
    when,
  };
  return rule;
}

export function parseTrust(bytes) {
  const where = "trust file";
  const line = bytes.at(-1) === 10 ? bytes.slice(0, -1) : bytes;
  const body = s.members(s.decode(line, { canonical: true, where }), ["signatures", "signed"], [], where);
  const signatures = s.array(body.signatures, `${where} signatures`).map((item) => {
    const entry = s.members(item, ["keyid", "sig"], [], `${where} signature`);
    s.text(entry.keyid, `${where} keyid`);
    return s.base64(entry.sig, `${where} sig`);
  });
  const message = pae("application/vnd.maestro.trust+json", s.encode(body.signed));
  return { ...parseTrustBody(body.signed, where), signatures, message, sha256: s.hex(sha256(bytes)) };
}

function parseTrustBody(value, where) {
  const names = ["schema", "version", "expires", "keys", "thresholds", "log", "minTreeSize", "quorum"];
  const body = s.members(value, names, ["policy", "timestampAuthorities"], where);
  s.oneOf(body.schema, ["maestro.trust/1"], `${where} schema`);
  const keys = s.array(body.keys, `${where} keys`).map((item) => parseKey(item, `${where} key`));
  if (new Set(keys.map((key) => key.public.id)).size !== keys.length) {
    throw new EvidenceError("a key is listed twice", where);
  }
  const policy = "policy" in body ? s.digest(s.members(body.policy, ["digest"], [], where).digest, where) : null;
  const log = s.text(body.log, `${where} log`);
  const quorum = body.quorum === NONE ? 0 : s.integer(body.quorum, 1, 1000, `${where} quorum`);
  if (!log || (log === NONE && quorum)) throw new EvidenceError("a quorum needs a log origin", where);
  const thresholds = s.members(body.thresholds, ["root", "release"], ["log", "witness", "timestamp"], `${where} thresholds`);
  for (const count of Object.values(thresholds)) s.integer(count, 1, 1000, `${where} thresholds`);
  return {
    version: s.integer(body.version, 1, Number.MAX_SAFE_INTEGER, `${where} version`),
    expires: s.time(body.expires, `${where} expires`),
    minTreeSize: s.natural(body.minTreeSize, `${where} minTreeSize`),
    keys,
    thresholds,
    log,
    quorum,
    policy,
    authorities: parseAuthorities("timestampAuthorities" in body ? body.timestampAuthorities : [], thresholds.timestamp ?? 0, where),
  };
}

/** Timestamp authorities are read as strictly as elsewhere, though their tokens are not checked here. */
function parseAuthorities(value, demanded, where) {
  const found = s.array(value, where).map((item) => {
    const body = s.members(item, ["name", "certificates", "validFrom", "validTo"], [], where);
    const certificates = s.array(body.certificates, where).map((one) => s.hex(s.base64(one, where)));
    if (!certificates.length) throw new EvidenceError("an authority has no certificate", where);
    s.text(body.name, where);
    s.time(body.validFrom, where);
    s.time(body.validTo, where);
    return certificates[0];
  });
  if (new Set(found).size !== found.length) throw new EvidenceError("an authority is listed twice", where);
  if (found.length < demanded) throw new EvidenceError(`${demanded} are demanded and ${found.length} named`, where);
  return found;
}

function parseKey(value, where) {
  const names = ["id", "name", "alg", "public", "role", "validFrom", "validTo"];
  const body = s.members(value, names, ["maxIndex"], where);
  const key = loadPublic(s.text(body.alg, where), s.base64(body.public, where), where);
  if (body.id !== key.id) throw new EvidenceError("the id is not the SHA-256 of the public key", where);
  const role = s.oneOf(body.role, ["root", "release", "log", "witness"], where);
  if (key.alg === ML_DSA_44 && role !== "witness") {
    throw new EvidenceError("an ML-DSA-44 key cosigns, it has no other role", where);
  }
  return {
    name: s.text(body.name, where),
    public: key,
    role,
    validFrom: s.time(body.validFrom, where),
    validTo: s.time(body.validTo, where),
    maxIndex: "maxIndex" in body ? s.natural(body.maxIndex, where) : null,
  };
}
