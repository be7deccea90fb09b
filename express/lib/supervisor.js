'use strict';

/** The child process `mediabridge supervise`: JSON lines in, words out, and its end. It knows nothing of HTTP. */

const { spawn } = require('node:child_process');
const { Lines } = require('./lines');

const DRAIN_MS = 500; // for lines behind the exit; a descendant may hold the pipe open for ever
const KILL_WAIT_MS = 2000;

/**
 * @typedef {object} Handlers
 * @property {(event: Record<string, any>) => void} onEvent one JSON line
 * @property {(line: string) => void} onLine a line of its log, or one that is no JSON
 * @property {(end: End) => void} onEnd called once
 */

/** @typedef {{ code: number | null, signal: string | null, error: Error | null }} End */

class Supervisor {
  /**
   * Starts it. A program that cannot be run is told through `onEnd`.
   * @param {{ command: readonly string[], args: readonly string[], env: NodeJS.ProcessEnv, cwd: string }} what
   * @param {Handlers} handlers
   */
  constructor({ command, args, env, cwd }, handlers) {
    this._handlers = handlers;
    /** @type {End | null} */
    this.ended = null;
    /** @type {(() => void)[]} */
    this._waiting = [];
    const [program, ...first] = command;
    this._child = spawn(program, [...first, ...args], {
      cwd,
      env,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      // In a group of its own Ctrl+C reaches only the host, which may still have requests to finish.
      detached: process.platform !== 'win32',
    });
    this._listen();
  }

  get pid() {
    return this._child.pid ?? null;
  }

  _listen() {
    const child = this._child;
    const { onLine } = this._handlers;
    this._read(child.stdout, new Lines((line) => this._onLine(line)));
    this._read(child.stderr, new Lines(onLine));
    child.stdin?.on('error', () => {}); // its end is told by 'exit'
    child.on('error', (error) => this._end({ code: null, signal: null, error }));
    child.on('close', (code, signal) => this._end({ code, signal, error: null }));
    child.on('exit', (code, signal) => {
      setTimeout(() => this._end({ code, signal, error: null }), DRAIN_MS).unref();
    });
  }

  /**
   * @param {import('node:stream').Readable | null} stream
   * @param {Lines} lines
   */
  _read(stream, lines) {
    stream?.on('data', (chunk) => lines.feed(chunk));
    stream?.on('end', () => lines.end());
    stream?.on('error', () => lines.end());
  }

  /** @param {string} line */
  _onLine(line) {
    const event = parsed(line);
    if (event) {
      this._handlers.onEvent(event);
    } else if (line.trim() !== '') {
      this._handlers.onLine(line);
    }
  }

  /** @param {End} end */
  _end(end) {
    if (this.ended) {
      return;
    }
    this.ended = end;
    this._child.stdout?.destroy();
    this._child.stderr?.destroy();
    this._handlers.onEnd(end);
    this._waiting.splice(0).forEach((resolve) => resolve());
  }

  /**
   * Say a word to it: `status`, `reload`, `stop`.
   * @param {string} word
   */
  say(word) {
    this._child.stdin?.write(`${word}\n`);
  }

  /** Let the host's process end by itself while this runs; its standard input then closes, and it ends as well. */
  unref() {
    this._each((one) => one.unref?.());
  }

  ref() {
    this._each((one) => one.ref?.());
  }

  /** @param {(one: { ref?: () => unknown, unref?: () => unknown }) => void} action */
  _each(action) {
    const { stdin, stdout, stderr } = this._child;
    for (const one of [this._child, stdin, stdout, stderr]) {
      // Pipes of a child are sockets, which the types do not say.
      action(/** @type {{ ref?: () => unknown, unref?: () => unknown }} */ (one ?? {}));
    }
  }

  /**
   * Ask it to end, wait, kill. Whatever it has started ends with it.
   * @param {number} graceMs
   * @returns {Promise<boolean>} whether it ended when it was asked
   */
  async stop(graceMs) {
    this.ref();
    this._child.stdin?.end();
    if (await this._wait(graceMs)) {
      return true;
    }
    this._child.kill('SIGKILL');
    await this._wait(KILL_WAIT_MS);
    return false;
  }

  /**
   * @param {number} timeoutMs
   * @returns {Promise<boolean>} whether it has ended
   */
  _wait(timeoutMs) {
    if (this.ended) {
      return Promise.resolve(true);
    }
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), timeoutMs);
      this._waiting.push(() => {
        clearTimeout(timer);
        resolve(true);
      });
    });
  }
}

/**
 * @param {string} line
 * @returns {Record<string, any> | null} null for anything but an event
 */
function parsed(line) {
  if (!line.startsWith('{')) {
    return null;
  }
  try {
    const content = JSON.parse(line);
    return typeof content.event === 'string' ? content : null;
  } catch {
    return null;
  }
}

module.exports = { Supervisor };
