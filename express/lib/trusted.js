'use strict';

const { BlockList, isIP, isIPv4 } = require('node:net');

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/** Whose word about the client's address is believed. */
class Trusted {
  /**
   * @param {Iterable<string>} peers addresses, networks (`10.0.0.0/8`), `'unix'` for peers without an address, `'*'`
   *   for all
   * @throws {TypeError} for anything else
   */
  constructor(peers) {
    const names = new Set(peers);
    this._everyone = names.delete('*');
    this._unix = names.delete('unix');
    this._some = names.size > 0;
    this._networks = new BlockList();
    for (const name of names) {
      add(this._networks, name);
    }
  }

  /**
   * @param {string | null} peer an address, null for a Unix socket's
   * @returns {boolean}
   */
  covers(peer) {
    if (this._everyone) {
      return true;
    }
    if (!peer) {
      return this._unix;
    }
    return this._some && isIP(peer) !== 0 && this._networks.check(peer, family(peer));
  }
}

/**
 * @param {BlockList} networks
 * @param {string} name
 */
function add(networks, name) {
  const [address, bits, ...more] = String(name).split('/');
  const most = isIPv4(address) ? 32 : 128;
  const prefix = bits === undefined ? most : Number(bits);
  if (!isIP(address) || more.length > 0 || bits === '' || !Number.isInteger(prefix) || prefix < 0 || prefix > most) {
    throw new TypeError(`trusted: not an address or a network: ${JSON.stringify(name)}`);
  }
  networks.addSubnet(address, prefix, family(address));
}

/** @param {string} address */
function family(address) {
  return isIPv4(address) ? 'ipv4' : 'ipv6';
}

/**
 * The peer's address; IPv4 as IPv4 also where the server listens on both. Null for a Unix socket's.
 * @param {string | undefined} address
 */
function peerOf(address) {
  if (!address) {
    return null;
  }
  const mapped = address.startsWith('::') ? MAPPED.exec(address) : null;
  return mapped ? mapped[1] : address;
}

module.exports = { Trusted, peerOf };
