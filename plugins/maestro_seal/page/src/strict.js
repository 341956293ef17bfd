// Strict JSON, its canonical bytes (RFC 8785, integers only), base64 and typed access to parsed values.
// Invariant: nothing is coerced; whatever is not exactly the expected shape throws an EvidenceError that says where.

export class EvidenceError extends Error {
  constructor(what, where = "") {
    super(where ? `${where}: ${what}` : what);
    this.what = what;
    this.where = where;
  }
}

export const MAX_BYTES = 32 * 1024 * 1024;
const MAX_DEPTH = 32;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

export const bytesOf = (text) => encoder.encode(text);
export const hex = (bytes) => Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
export const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
export const same = (a, b) => a.length === b.length && a.every((value, i) => value === b[i]);
export function joined(...parts) {
  const result = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    result.set(part, position);
    position += part.length;
  }
  return result;
}

class Reader {
  constructor(text) {
    this.text = text;
    this.at = 0;
  }
  refuse(what) {
    throw new EvidenceError(`no strict JSON: ${what} at character ${this.at}`);
  }
  space() {
    while (" \t\n\r".includes(this.text[this.at] ?? "x")) this.at += 1;
  }
  take(sign) {
    this.space();
    if (this.text[this.at] !== sign) this.refuse(`expected ${sign}`);
    this.at += 1;
  }
  next(sign) {
    this.space();
    if (this.text[this.at] !== sign) return false;
    this.at += 1;
    return true;
  }
  value(depth) {
    this.space();
    const sign = this.text[this.at];
    if (sign === "{" || sign === "[") {
      if (depth >= MAX_DEPTH) this.refuse(`nested deeper than ${MAX_DEPTH}`);
      return sign === "{" ? this.object(depth + 1) : this.array(depth + 1);
    }
    if (sign === '"') return this.string();
    for (const [word, value] of [["true", true], ["false", false], ["null", null]]) {
      if (this.text.startsWith(word, this.at)) {
        this.at += word.length;
        return value;
      }
    }
    return this.number();
  }
  object(depth) {
    const result = Object.create(null);
    this.take("{");
    if (this.next("}")) return result;
    do {
      this.space();
      const key = this.string();
      if (key in result) this.refuse("duplicate key");
      this.take(":");
      result[key] = this.value(depth);
    } while (this.next(","));
    this.take("}");
    return result;
  }
  array(depth) {
    const result = [];
    this.take("[");
    if (this.next("]")) return result;
    do result.push(this.value(depth));
    while (this.next(","));
    this.take("]");
    return result;
  }
  string() {
    const pattern = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    if (!found) this.refuse("no text");
    this.at = pattern.lastIndex;
    const value = found[0].includes("\\") ? JSON.parse(found[0]) : found[0].slice(1, -1);
    if (!value.isWellFormed()) this.refuse("a lone surrogate");
    return value;
  }
  number() {
    const pattern = /-?(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text);
    const value = found ? Number(found[0]) : NaN;
    if (!Number.isSafeInteger(value) || found[0] === "-0") this.refuse("no integer within 2**53 - 1");
    this.at = pattern.lastIndex;
    return value;
  }
}

/** Parse received bytes; with `canonical`, encoding the value must give the same bytes back. */
export function decode(bytes, { canonical, where, maxBytes = MAX_BYTES }) {
  if (bytes.length > maxBytes) throw new EvidenceError(`${bytes.length} bytes are more than the limit`, where);
  let text;
  try {
    text = utf8.decode(bytes);
  } catch {
    throw new EvidenceError("no valid UTF-8", where);
  }
  const reader = new Reader(text);
  let value;
  try {
    value = reader.value(0);
    reader.space();
    if (reader.at !== text.length) reader.refuse("more than one value");
  } catch (error) {
    if (error instanceof EvidenceError) throw new EvidenceError(error.what, where);
    throw error;
  }
  if (canonical && encodeText(value) !== text) throw new EvidenceError("not in canonical form (RFC 8785)", where);
  return value;
}

export const encode = (value) => bytesOf(encodeText(value));

function encodeText(value) {
  if (Array.isArray(value)) return `[${value.map(encodeText).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const keys = Object.keys(value).sort();
    return `{${keys.map((key) => `${JSON.stringify(key)}:${encodeText(value[key])}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Decode padded base64, standard or URL-safe, spare bits zero; `size` demands a byte count. */
export function base64(text, where, size) {
  if (typeof text === "string" && /^[A-Za-z0-9+/_-]*={0,2}$/.test(text) && text.length % 4 === 0) {
    const standard = text.replaceAll("-", "+").replaceAll("_", "/");
    let binary = null;
    try {
      binary = atob(standard);
    } catch {
      binary = null;
    }
    if (binary !== null && btoa(binary) === standard) {
      const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
      if (size === undefined || bytes.length === size) return bytes;
      throw new EvidenceError(`expected ${size} bytes, got ${bytes.length}`, where);
    }
  }
  throw new EvidenceError("expected canonical padded base64", where);
}

export const toBase64 = (bytes) => btoa(Array.from(bytes, (b) => String.fromCharCode(b)).join(""));

export function members(value, required, optional, where) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new EvidenceError("expected a JSON object", where);
  }
  for (const name of required) if (!(name in value)) throw new EvidenceError(`member '${name}' is missing`, where);
  for (const name of Object.keys(value)) {
    if (!required.includes(name) && !optional.includes(name)) {
      throw new EvidenceError(`unknown member '${name.slice(0, 80)}'`, where);
    }
  }
  return value;
}

export function text(value, where) {
  if (typeof value !== "string") throw new EvidenceError("expected a text", where);
  return value;
}

export function array(value, where) {
  if (!Array.isArray(value)) throw new EvidenceError("expected an array", where);
  return value;
}

export function oneOf(value, choices, where) {
  if (typeof value !== "string" || !choices.includes(value)) {
    throw new EvidenceError(`none of ${[...choices].sort().join(", ")}`, where);
  }
  return value;
}

export function integer(value, low, high, where) {
  if (typeof value !== "number" || value < low || value > high) {
    throw new EvidenceError(`expected an integer from ${low} to ${high}`, where);
  }
  return value;
}

/** An integer in decimal text, as a BigInt. */
export function decimal(value, where) {
  if (typeof value === "string" && value.length <= 256 && /^(?:0|-?[1-9][0-9]*)$/.test(value)) return BigInt(value);
  throw new EvidenceError("no integer in decimal text", where);
}

export function natural(value, where) {
  const number = decimal(value, where);
  if (number < 0n) throw new EvidenceError("negative", where);
  return number;
}

export function sha256Hex(value, where) {
  if (typeof value !== "string" || !/^[0-9a-f]{64}$/.test(value)) {
    throw new EvidenceError("expected 64 lowercase hexadecimal digits", where);
  }
  return value;
}

export const digest = (value, where) => sha256Hex(members(value, ["sha256"], [], where).sha256, where);

/** A moment as YYYY-MM-DDTHH:MM:SSZ, in milliseconds. */
export function time(value, where) {
  if (typeof value === "string" && /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$/.test(value)) {
    const moment = Date.parse(value);
    if (!Number.isNaN(moment) && !value.startsWith("0000") && timeText(moment) === value) return moment;
  }
  throw new EvidenceError("no time of the form YYYY-MM-DDTHH:MM:SSZ", where);
}

export const timeText = (moment) => `${new Date(moment).toISOString().slice(0, 19)}Z`;
