'use strict';

/**
 * `Expect: 100-continue` (RFC 9110 §10.1.1). Node answers it by itself before any middleware runs, unless the server
 * has a listener for `checkContinue`: `attach` brings one, which sends the 100 when somebody begins to read the body.
 */

/** @type {WeakSet<import('node:http').IncomingMessage>} requests whose clients still wait */
const awaiting = new WeakSet();

/**
 * Let the 100 wait until the body is wanted, by us or by anybody else.
 * @param {import('node:http').IncomingMessage} incoming
 * @param {import('node:http').ServerResponse} res
 */
function postpone(incoming, res) {
  awaiting.add(incoming);
  const onListener = (/** @type {string | symbol} */ event) => {
    if (event === 'data' || event === 'readable') {
      incoming.off('newListener', onListener);
      permit(incoming, res);
    }
  };
  incoming.on('newListener', onListener);
}

/**
 * Send the 100, once, and not behind a response.
 * @param {import('node:http').IncomingMessage} incoming
 * @param {import('node:http').ServerResponse} res
 */
function permit(incoming, res) {
  if (awaiting.delete(incoming) && !res.headersSent && !res.destroyed) {
    res.writeContinue();
  }
}

/** @param {import('node:http').IncomingMessage} incoming */
function isAwaiting(incoming) {
  return awaiting.has(incoming);
}

module.exports = { isAwaiting, postpone };
