// Aggregated Bulletproofs over ristretto255 as the dalek library writes them (Bünz et al. 2018): the verifier.
// Theorem: if `verifyRange` says true, each commitment holds a value in [0, 2**bits), unless discrete logarithms are easy.
import { pippenger } from "@noble/curves/abstract/curve.js";
import { ristretto255, ristretto255_hasher } from "@noble/curves/ed25519.js";
import { sha3_512, shake256 } from "@noble/hashes/sha3.js";
import { fromLittleEndian, littleEndian } from "./merlin.js";
import { bytesOf, hex, joined } from "./strict.js";

export const { Point } = ristretto255;
const { Fn } = Point;
const L = Fn.ORDER;
const SIZE = 32;
const BLINDING_HEX = "8c9240b456a9e6dc65c377a1048d745f94a08cdb7f44cbcd7b46f34048871134";
export const IDENTITY = new Uint8Array(SIZE);

const mod = (number) => Fn.create(number);
const product = (...numbers) => numbers.reduce((all, one) => mod(all * one), 1n);
const isIdentity = (bytes) => bytes.every((byte) => byte === 0);

/** The element of 32 bytes; null for a negative, non-canonical or off-curve encoding, and for the identity. */
export function proper(bytes) {
  return isIdentity(bytes) ? null : decode(bytes);
}

function decode(bytes) {
  try {
    return Point.fromBytes(bytes);
  } catch {
    return null;
  }
}

export const proofSize = (bits, parties) => SIZE * (9 + 2 * Math.log2(bits * parties));

/** Every base is made here from its public recipe: nobody knows a relation between any two of them. */
function blindingBase() {
  const made = ristretto255_hasher.deriveToCurve(sha3_512(Point.BASE.toBytes()));
  if (hex(made.toBytes()) !== BLINDING_HEX) throw new Error("the blinding base is wrong: this arithmetic is broken");
  return made;
}

function vector(letter, bits, parties) {
  const made = [];
  for (let party = 0; party < parties; party += 1) {
    const seed = joined(bytesOf(`GeneratorsChain${letter}`), littleEndian(BigInt(party), 4));
    const stream = shake256(seed, { dkLen: 64 * bits });
    for (let i = 0; i < bits; i += 1) made.push(ristretto255_hasher.deriveToCurve(stream.slice(64 * i, 64 * i + 64)));
  }
  return made;
}

/** Whether `proof` shows that each of `commitments` (32 bytes each; a power of two) holds a value of `bits` bits. */
export function verifyRange(transcript, proof, commitments, bits) {
  const parties = commitments.length;
  const parsed = parse(proof, bits, parties);
  if (parsed === null) return false;
  const values = commitments.map(decode);
  const heads = parsed.points.map(proper);
  const sides = parsed.rounds.flat().map(proper);
  const points = [...heads, ...sides, ...values];
  if (points.includes(null)) return false;
  const challenges = replay(transcript, parsed, commitments, bits);
  if ([challenges.y, challenges.z, challenges.x, challenges.w, ...challenges.u].includes(0n)) return false;
  const factor = 1n + (fromLittleEndian(crypto.getRandomValues(new Uint8Array(64))) % (L - 1n));
  const scalars = [...outerScalars(challenges, factor, parties), ...baseScalars(parsed, challenges, factor, bits, parties)];
  const bases = [Point.BASE, blindingBase(), ...vector("G", bits, parties), ...vector("H", bits, parties)];
  return pippenger(Point, [...points, ...bases], scalars).equals(Point.ZERO);
}

function parse(data, bits, parties) {
  if (data.length !== proofSize(bits, parties)) return null;
  const pieces = Array.from({ length: data.length / SIZE }, (_, i) => data.slice(SIZE * i, SIZE * (i + 1)));
  const scalars = [...pieces.slice(4, 7), ...pieces.slice(-2)].map(fromLittleEndian);
  if (scalars.some((scalar) => scalar >= L)) return null;
  const middle = pieces.slice(7, -2);
  const rounds = Array.from({ length: middle.length / 2 }, (_, i) => middle.slice(2 * i, 2 * i + 2));
  return { points: pieces.slice(0, 4), evaluation: pieces.slice(4, 7), scalars, rounds };
}

function replay(transcript, proof, commitments, bits) {
  const scalar = (label) => mod(fromLittleEndian(transcript.challenge(label, 64)));
  const [a, s, t1, t2] = proof.points;
  transcript.append("dom-sep", bytesOf("rangeproof v1"));
  transcript.appendU64("n", bits);
  transcript.appendU64("m", commitments.length);
  for (const commitment of commitments) transcript.append("V", commitment);
  transcript.append("A", a);
  transcript.append("S", s);
  const y = scalar("y");
  const z = scalar("z");
  transcript.append("T_1", t1);
  transcript.append("T_2", t2);
  const x = scalar("x");
  ["t_x", "t_x_blinding", "e_blinding"].forEach((label, i) => transcript.append(label, proof.evaluation[i]));
  const w = scalar("w");
  transcript.append("dom-sep", bytesOf("ipp v1"));
  transcript.appendU64("n", bits * commitments.length);
  const u = proof.rounds.map(([left, right]) => {
    transcript.append("L", left);
    transcript.append("R", right);
    return scalar("u");
  });
  return { y, z, x, w, u };
}

/** The scalars of A, S, T_1, T_2, each L and R, each V. */
function outerScalars({ x, z, u }, factor, parties) {
  const made = [1n, x, product(factor, x), product(factor, x, x)];
  for (const one of u) made.push(product(one, one), Fn.inv(product(one, one)));
  let power = product(factor, z);
  for (let party = 0; party < parties; party += 1) {
    power = product(power, z);
    made.push(power);
  }
  return made;
}

/** The scalars of B, B~, each G and each H. */
function baseScalars({ scalars }, { y, z, x, w, u }, factor, bits, parties) {
  const [tX, tBlinding, eBlinding, a, b] = scalars;
  const size = bits * parties;
  const s = folded(u);
  const yInverse = Fn.inv(y);
  const [g, h] = [[], []];
  let [ySum, yPower, minusPower, zPower] = [0n, 1n, 1n, z];
  for (let i = 0; i < size; i += 1) {
    if (i % bits === 0) zPower = product(zPower, z);
    ySum += yPower;
    yPower = product(yPower, y);
    g.push(mod(-z - a * s[i]));
    h.push(mod(z + minusPower * ((zPower << BigInt(i % bits)) - b * s[size - 1 - i])));
    minusPower = product(minusPower, yInverse);
  }
  let [zSum, power] = [0n, 1n];
  for (let party = 0; party < parties; party += 1) {
    zSum += power;
    power = product(power, z);
  }
  const delta = mod((z - z * z) * ySum) - product(z, z, z, 2n ** BigInt(bits) - 1n, mod(zSum));
  return [mod(w * (tX - a * b) + factor * (delta - tX)), mod(-eBlinding - factor * tBlinding), ...g, ...h];
}

/** The coefficient of each base after every round: a product of challenges and inverses by the bits of its index. */
function folded(u) {
  let s = [Fn.inv(product(...u))];
  for (const one of [...u].reverse()) s = [...s, ...s.map((item) => product(item, one, one))];
  return s;
}
