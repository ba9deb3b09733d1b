import { expect, test } from "vitest";
import { nodeCipher, randomNonces } from "./cipher.ts";

const hex = (text: string) => Uint8Array.from(Buffer.from(text, "hex"));

test("AES-GCM: test case 4 of the GCM specification, in place", () => {
  const cipher = nodeCipher(hex("feffe9928665731c6d6a8f9467308308"));
  const nonce = hex("cafebabefacedbaddecaf888");
  const aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
  const plain = hex(
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
  );
  const sealed = hex(
    "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47",
  );
  const target = new Uint8Array(100);
  target.set(plain, 10);
  cipher.seal(nonce, aad, target.subarray(10, 10 + plain.length), target, 10);
  expect(target.subarray(10, 10 + sealed.length)).toEqual(sealed);
  const opened = new Uint8Array(100);
  expect(cipher.open(nonce, aad, sealed, opened, 5)).toBe(true);
  expect(opened.subarray(5, 5 + plain.length)).toEqual(plain);
});

test("every key length goes round; anything changed is refused without an exception", () => {
  for (const bytes of [16, 24, 32]) {
    const cipher = nodeCipher(new Uint8Array(bytes).fill(7));
    const nonce = new Uint8Array(12).fill(1);
    const none = new Uint8Array(0);
    const plain = Uint8Array.of(1, 2, 3);
    const sealed = new Uint8Array(19);
    cipher.seal(nonce, none, plain, sealed, 0);
    const out = new Uint8Array(3);
    expect(cipher.open(nonce, none, sealed, out, 0)).toBe(true);
    expect(out).toEqual(plain);
    for (let i = 0; i < sealed.length; i++) {
      const changed = sealed.slice();
      changed[i]! ^= 1;
      expect(cipher.open(nonce, none, changed, out, 0)).toBe(false);
    }
    expect(cipher.open(nonce, Uint8Array.of(1), sealed, out, 0)).toBe(false);
    for (let length = 0; length < sealed.length; length++) {
      expect(cipher.open(nonce, none, sealed.subarray(0, length), out, 0)).toBe(false);
    }
  }
});

test("nonces do not repeat, across refills of the pool", () => {
  const next = randomNonces();
  const seen = new Set<string>();
  const nonce = new Uint8Array(12);
  for (let i = 0; i < 5000; i++) {
    next(nonce);
    seen.add(nonce.toString());
  }
  expect(seen.size).toBe(5000);
});
