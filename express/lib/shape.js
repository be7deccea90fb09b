'use strict';

/**
 * Express gives every request and response another prototype. V8 before 13 (Node before 24) then makes a new hidden
 * class for the object with each property that is added to it, and no inline cache knows that class: half of what a
 * small GET costs behind Express is spent there. Objects that keep their properties in a dictionary share one class.
 */

const { IncomingMessage, ServerResponse } = require('node:http');

const IS_NEEDED = Number.parseInt(process.versions.node, 10) < 24;
const FIRST = Symbol('first');
const SECOND = Symbol('second');

/**
 * Make what follows cheap. Whoever looks at the two sees no difference.
 * @param {import('node:http').IncomingMessage} incoming
 * @param {import('node:http').ServerResponse} res
 */
function settle(incoming, res) {
  if (IS_NEEDED && Object.getPrototypeOf(incoming) !== IncomingMessage.prototype) {
    toDictionary(incoming);
  }
  if (IS_NEEDED && Object.getPrototypeOf(res) !== ServerResponse.prototype) {
    toDictionary(res);
  }
}

/**
 * V8 does it when another property than the newest is deleted.
 * @param {object} object
 */
function toDictionary(object) {
  Object.assign(object, { [FIRST]: true, [SECOND]: true });
  Reflect.deleteProperty(object, FIRST);
  Reflect.deleteProperty(object, SECOND);
}

module.exports = { settle };
