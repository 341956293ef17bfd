// Merlin v1.0 transcripts over STROBE-128: what was said so far decides every challenge.
import { keccakP } from "@noble/hashes/sha3.js";
import { bytesOf } from "./strict.js";

const RATE = 166;
const [I, A, C, M] = [1, 2, 4, 16];

export class Transcript {
  constructor(label) {
    this.words = new Uint32Array(50);
    this.state = new Uint8Array(this.words.buffer);
    this.state.set([1, RATE + 2, 1, 0, 1, 96]);
    this.state.set(bytesOf("STROBEv1.0.2"), 6);
    this.permute();
    this.position = this.begun = 0;
    this.begin(M | A);
    this.absorb(bytesOf("Merlin v1.0"));
    this.append("dom-sep", bytesOf(label));
  }

  append(label, message) {
    this.frame(label, message.length);
    this.begin(A);
    this.absorb(message);
  }

  appendU64(label, number) {
    this.append(label, littleEndian(BigInt(number), 8));
  }

  challenge(label, count) {
    this.frame(label, count);
    this.begin(I | A | C);
    const out = new Uint8Array(count);
    for (let i = 0; i < count; i += 1) {
      out[i] = this.state[this.position];
      this.state[this.position] = 0;
      this.step();
    }
    return out;
  }

  frame(label, length) {
    this.begin(M | A);
    this.absorb(bytesOf(label));
    this.absorb(littleEndian(BigInt(length), 4));
  }

  begin(flags) {
    const before = this.begun;
    this.begun = this.position + 1;
    this.absorb([before, flags]);
    if (flags & C && this.position) this.run();
  }

  absorb(data) {
    for (const byte of data) {
      this.state[this.position] ^= byte;
      this.step();
    }
  }

  step() {
    this.position += 1;
    if (this.position === RATE) this.run();
  }

  run() {
    this.state[this.position] ^= this.begun;
    this.state[this.position + 1] ^= 4;
    this.state[RATE + 1] ^= 0x80;
    this.permute();
    this.position = this.begun = 0;
  }

  permute() {
    keccakP(this.words); // words are little-endian, as on every machine a browser runs on
  }
}

export function littleEndian(number, size) {
  return Uint8Array.from({ length: size }, (_, i) => Number((number >> BigInt(8 * i)) & 255n));
}

export const fromLittleEndian = (bytes) => bytes.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
