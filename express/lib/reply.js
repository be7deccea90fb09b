'use strict';

/** What is written to the client: heads that respect what the host has set, ends that are visible. */

const { OutgoingMessage } = require('node:http');
const { Socket } = require('node:net');
const answers = require('./answers');

const WRITE = OutgoingMessage.prototype.write;

/** @typedef {import('node:http').ServerResponse & { flush?: () => void }} Outgoing */

// Of these the host's own values stay beside the sidecar's; of every other header the sidecar's replaces the host's.
const ADDED_TO = new Set(['set-cookie', 'vary']);

/**
 * Whether a response may still be begun: a middleware of the host (a timeout, say) may have answered by itself.
 * @param {Outgoing} res
 */
function mayBegin(res) {
  return !res.headersSent && !res.writableEnded && !res.destroyed;
}

/**
 * Status and headers. Nothing is sent before the first byte of the body, `flush` or `end`.
 * @param {Outgoing} res
 * @param {{ status: number, reason?: string }} line
 * @param {string[]} fields flat: name, value, …
 */
function begin(res, { status, reason }, fields) {
  const isUntouched = res.getHeaderNames().length === 0 && !Object.hasOwn(res, 'writeHead');
  if (isUntouched) {
    write(res, status, reason, fields);
    return;
  }
  // Older hooks on writeHead (`on-headers` before 1.1: morgan, compression, express-session) garble flat arrays, and
  // Node before 20 keeps one of several equal names where others have been set.
  const grouped = groupedByName(fields);
  if (!grouped.has('content-length')) {
    res.removeHeader('Content-Length');
  }
  for (const [lower, { name, values }] of grouped) {
    const before = ADDED_TO.has(lower) ? [res.getHeader(lower) ?? []].flat().map(String) : [];
    const all = [...before, ...values];
    res.setHeader(name, all.length === 1 ? all[0] : all);
  }
  write(res, status, reason);
}

/**
 * @param {Outgoing} res
 * @param {number} status
 * @param {string | undefined} reason
 * @param {string[]} [fields]
 */
function write(res, status, reason, fields) {
  if (reason) {
    res.writeHead(status, reason, fields);
  } else {
    res.writeHead(status, fields);
  }
}

/** @param {readonly string[]} fields */
function groupedByName(fields) {
  /** @type {Map<string, { name: string, values: string[] }>} */
  const grouped = new Map();
  for (let at = 0; at < fields.length; at += 2) {
    const lower = fields[at].toLowerCase();
    const group = grouped.get(lower);
    if (group) {
      group.values.push(fields[at + 1]);
    } else {
      grouped.set(lower, { name: fields[at], values: [fields[at + 1]] });
    }
  }
  return grouped;
}

/**
 * Take back headers that were set for a response that could not be begun.
 * @param {Outgoing} res
 */
function clear(res) {
  if (mayBegin(res)) {
    res.getHeaderNames().forEach((name) => res.removeHeader(name));
  }
}

/**
 * Send what is written by now, also through a middleware that compresses.
 * @param {Outgoing} res
 */
function flush(res) {
  if (typeof res.flush === 'function') {
    res.flush();
  }
}

/**
 * Whether Node alone gets what is written, so that a chunk is free again when its write has been called back: others
 * (a middleware that compresses, a socket that is none) may keep it.
 * @param {Outgoing} res
 */
function mayLend(res) {
  return res.write === WRITE && res.socket instanceof Socket;
}

/**
 * Send what is written by now without waiting for the next tick.
 * @param {Outgoing} res
 * @returns {boolean} whether the system has taken all of it
 */
function push(res) {
  if (res.socket?.writableCorked) {
    res.socket.uncork();
  }
  return res.writableLength === 0;
}

/**
 * Pass an informational response on (RFC 9110 §15.2), so far as Node can: it writes 102 and 103 only.
 * @param {Outgoing} res
 * @param {number} status
 * @param {readonly string[]} fields
 */
function inform(res, status, fields) {
  const client = res.req.httpVersion;
  if (client !== '1.1' || !mayBegin(res)) {
    return;
  }
  if (status === 102) {
    res.writeProcessing();
    return;
  }
  const hints = Object.fromEntries([...groupedByName(fields)].map(([name, { values }]) => [name, values]));
  if (status === 103 && hints.link && typeof res.writeEarlyHints === 'function') {
    try {
      res.writeEarlyHints({ ...hints, link: hints.link });
    } catch {
      // Node refuses some valid Link values; the hint is optional, the answer follows.
    }
  }
}

/**
 * Begin one of our own answers.
 * @param {Outgoing} res
 * @param {import('./answers').Answer} answer
 * @param {{ requestId: string, close: boolean }} how `close`: the client's connection ends with it
 * @returns {Buffer} the body, which the caller sends; none for HEAD
 */
function say(res, answer, { requestId, close }) {
  const body = answers.bodyOf(answer, requestId, new Date());
  const fields = answers.headersOf(answer, requestId, body.length);
  if (close) {
    fields.push('Connection', 'close');
  }
  begin(res, { status: answer.status }, fields);
  return res.req.method === 'HEAD' ? Buffer.alloc(0) : body;
}

/**
 * Break off a response that had begun, so that nobody takes it for a whole one.
 * @param {Outgoing} res
 * @param {boolean} endsWithConnection nothing else ends the body, so that an orderly end would look complete
 */
function abort(res, endsWithConnection) {
  const { socket } = res;
  if (endsWithConnection) {
    socket?.resetAndDestroy?.();
  } else if (socket?.writableCorked) {
    socket.uncork(); // what is written already goes out: Node holds it back until the next tick
  }
  res.destroy();
}

module.exports = { abort, begin, clear, flush, inform, mayBegin, mayLend, push, say };
