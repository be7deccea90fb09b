'use strict';

/** Ids for requests that bring none: ULIDs, which sort by time (https://github.com/ulid/spec). */

const { randomBytes } = require('node:crypto');

const LETTERS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const PAIRS = [...LETTERS].flatMap((first) => [...LETTERS].map((second) => first + second));
const RANDOM_LETTERS = 12;
const COUNT_END = 2 ** 20;

let millisecond = -1;
let start = '';
let count = 0;

/**
 * A fresh id of 26 letters: 48 bits of milliseconds and 80 random ones. Unique, but no secret.
 *
 * Within one millisecond the last 20 bits count up from a random start, as the specification allows: most ids then
 * cost two look-ups.
 */
function newRequestId() {
  const now = Date.now();
  if (now !== millisecond || count === COUNT_END) {
    begin(now);
  }
  const number = count++;
  return start + PAIRS[number >> 10] + PAIRS[number & 1023];
}

/** @param {number} now */
function begin(now) {
  millisecond = now;
  const bytes = randomBytes(RANDOM_LETTERS + 3);
  let random = '';
  for (let at = 0; at < RANDOM_LETTERS; at++) {
    random += LETTERS[bytes[at] & 31];
  }
  start = timeLetters(now) + random;
  count = bytes.readUIntBE(RANDOM_LETTERS, 3) & 0x7ffff;
}

/** @param {number} now */
function timeLetters(now) {
  let letters = '';
  for (let rest = now, at = 0; at < 10; at++, rest = Math.floor(rest / 32)) {
    letters = LETTERS[rest % 32] + letters;
  }
  return letters;
}

module.exports = { newRequestId };
