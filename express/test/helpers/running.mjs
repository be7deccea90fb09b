// The real `mediabridge`, hosts that run in processes of their own, and what is left of either.

import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { findCommand } from '../../lib/command.js';
import { sleep } from './wire.mjs';

export const HERE = fileURLToPath(new URL('..', import.meta.url));
export const ROOT = join(HERE, '..', '..');
export const PHOTO = smallestPhoto('Canon');

/** A JPEG of one pixel with one EXIF tag, Make (ITU-T T.81; EXIF 2.32, 4.5.4): five letters and their NUL. */
function smallestPhoto(make) {
  const exif = Buffer.alloc(6 + 8 + 2 + 12 + 4 + 6);
  exif.write('Exif\0\0MM\0*\0\0\0\x08\0\x01', 'latin1'); // big-endian TIFF, IFD at 8, one entry
  exif.writeUInt16BE(0x010f, 16); // Make
  exif.writeUInt16BE(2, 18); // ASCII
  exif.writeUInt32BE(6, 20); // bytes
  exif.writeUInt32BE(26, 24); // their place
  exif.write(make, 32, 'latin1');
  const length = Buffer.alloc(2);
  length.writeUInt16BE(exif.length + 2);
  const picture = 'ffdb004300' + '01'.repeat(64) + 'ffc0000b080001000101011100'
    + 'ffc4001400010000000000000000000000000000000affc40014100100000000000000000000000000000000ffda0008010100003f0000ffd9';
  return Buffer.concat([Buffer.from('ffd8ffe1', 'hex'), length, exif, Buffer.from(picture, 'hex')]);
}

/** The command of the checkout or of this machine; null when there is none. */
export const COMMAND = commandHere();

function commandHere() {
  try {
    return findCommand({ cwd: ROOT, env: process.env })[0];
  } catch {
    return null;
  }
}

/** For tests that need it. */
export const needsCommand = COMMAND ? false : 'mediabridge is not installed: make setup, or set MEDIABRIDGE_COMMAND';

/** Wait until it is so. */
export async function until(isSo, what, ms = 10_000) {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) {
      throw new Error(`waited ${ms} ms: ${what}`);
    }
    await sleep(20);
  }
}

export function alive(pid) {
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch {
    return false;
  }
}

function isZombie(pid) {
  const file = `/proc/${pid}/stat`;
  return existsSync(file) && / Z /.test(readFileSync(file, 'latin1').replace(/\(.*\)/s, ''));
}

/** All processes below this one, by /proc. */
export function descendants(pid) {
  const children = new Map();
  for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    const parent = parentOf(entry);
    if (parent !== null) {
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    }
  }
  const below = (one) => (children.get(one) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

function parentOf(entry) {
  try {
    return Number(readFileSync(`/proc/${entry}/stat`, 'latin1').replace(/.*\) /s, '').split(' ')[1]);
  } catch {
    return null; // it ended meanwhile
  }
}

/** A host in a process of its own: test/helpers/host.mjs, which says what happens in JSON lines. */
export class Host {
  constructor(what, env = {}) {
    this.lines = [];
    this.child = spawn(process.execPath, [join(HERE, 'helpers', 'host.mjs'), what], {
      env: { ...process.env, MEDIABRIDGE_COMMAND: COMMAND, ...env },
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    let rest = '';
    this.child.stdout.on('data', (data) => {
      const parts = (rest + data).split('\n');
      rest = parts.pop();
      this.lines.push(...parts.map((line) => JSON.parse(line)));
    });
    this.ended = new Promise((resolve) => this.child.once('exit', (code, signal) => resolve({ code, signal })));
  }

  /** The first line with that name. */
  async said(name) {
    let line;
    await until(() => (line = this.lines.find((one) => one.said === name)), `the host says ${name}`, 20_000);
    return line;
  }

  tree() {
    return descendants(this.child.pid);
  }

  kill(signal) {
    process.kill(-this.child.pid, signal);
  }

  close() {
    if (alive(this.child.pid)) {
      this.child.kill('SIGKILL');
    }
  }
}
