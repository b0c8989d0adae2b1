// Makes a login page's state older than it is, as state.c and crypto.c seal it: what half an hour
// of waiting would do.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const PURPOSE = Buffer.from('civic state 1');
const NONCE = 12;
const TAG = 16;
const ISSUED = 1; // behind the version; microseconds, little endian

export function aged(state, minutes, keyHex) {
  const key = Buffer.from(keyHex, 'hex');
  const sealed = Buffer.from(state, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE));
  decipher.setAAD(PURPOSE);
  decipher.setAuthTag(sealed.subarray(-TAG));
  const clear = Buffer.concat([decipher.update(sealed.subarray(NONCE, -TAG)), decipher.final()]);
  clear.writeBigInt64LE(clear.readBigInt64LE(ISSUED) - BigInt(minutes) * 60_000_000n, ISSUED);
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(PURPOSE);
  return Buffer.concat([nonce, cipher.update(clear), cipher.final(), cipher.getAuthTag()])
    .toString('base64url');
}
