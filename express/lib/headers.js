'use strict';

/**
 * What a proxy may pass on, must remove, and adds: rules as data, and small pure functions. RFC 9110 unless named.
 *
 * Headers are flat arrays `[name, value, name, value, …]`, as `IncomingMessage.rawHeaders` has them: repeats, their
 * order and the names' spelling are kept.
 */

const PSEUDONYM = 'mediabridge';

// §7.6.1: about one connection only. The Proxy-* fields are meant for the next proxy, which is us (§11.7).
const HOP_BY_HOP = [
  'connection', 'keep-alive', 'proxy-connection', 'proxy-authenticate', 'proxy-authorization',
  'proxy-authentication-info', 'te', 'trailer', 'transfer-encoding', 'upgrade',
];

// De facto X-Forwarded-*, and RFC 7239. Whoever sends them may lie about where the request comes from.
const FORWARDING = ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-real-ip'];

const REQUEST_ID = 'x-request-id';

// What is done with a field: nothing but KEEP for nearly all, hence the plain integers.
const DROP = 0;
const NOTE = 1;
const KEEP = 2;
const KEEP_AND_NOTE = 3;
const REFUSE = 4;

/** @type {Map<string, number>} */
const REQUEST_RULES = new Map([
  .../** @type {[string, number][]} */ (HOP_BY_HOP.map((name) => [name, DROP])),
  ...['connection', 'transfer-encoding', 'trailer', 'expect', REQUEST_ID, ...FORWARDING].map(
    (name) => /** @type {[string, number]} */ ([name, NOTE]),
  ),
  ...['content-length', 'host'].map((name) => /** @type {[string, number]} */ ([name, KEEP_AND_NOTE])),
]);

/** @type {Map<string, number>} */
const RESPONSE_RULES = new Map([
  .../** @type {[string, number][]} */ (HOP_BY_HOP.map((name) => [name, DROP])),
  ['connection', NOTE],
  ['trailer', NOTE],
  [REQUEST_ID, DROP], // ours is the one
  ['content-length', KEEP_AND_NOTE],
]);

// Connection may name these, by mistake or to make the next server read another request; they stay.
const NOT_CONNECTION_OPTIONS = new Set(['host', 'content-length', '']);

const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const SANE_ID = /^[A-Za-z0-9._:-]{1,128}$/;
const CACHED = 2048;

/**
 * What is known of a field by its name. `plain` has `-` for `_`, as WSGI reads it; `request`, `response`: the rule in a
 * message of that kind.
 * @typedef {{ lower: string, plain: string, request: number, response: number }} Field
 */

/** @type {Map<string, Field>} */
const known = new Map();

/**
 * The field of that name, in whatever spelling. Cheap: the same few names come again and again.
 * @param {string} name
 * @returns {Field}
 */
function field(name) {
  return known.get(name) ?? learn(name);
}

/** @param {string} name */
function learn(name) {
  const lower = name.toLowerCase();
  const plain = lower.replaceAll('_', '-');
  const found = TOKEN.test(name)
    ? { lower, plain, request: requestRule(lower, plain), response: RESPONSE_RULES.get(lower) ?? KEEP }
    : { lower, plain, request: REFUSE, response: REFUSE };
  if (known.size < CACHED) {
    known.set(name, found);
  }
  return found;
}

/**
 * WSGI reads `x_forwarded_for` and `x-forwarded-for` as one variable, so a name with underscores that means a field
 * with a rule is dropped.
 * @param {string} lower
 * @param {string} plain
 */
function requestRule(lower, plain) {
  if (plain.startsWith('x-forwarded-') || REQUEST_RULES.has(plain)) {
    return lower === plain ? (REQUEST_RULES.get(lower) ?? NOTE) : DROP;
  }
  return KEEP;
}

/**
 * The lower-case names that Connection's values list (§7.6.1), so far as the sender may have them removed.
 * @param {readonly string[]} values
 * @returns {Set<string>}
 */
function connectionOptions(values) {
  const options = values.flatMap((value) => value.toLowerCase().split(',')).map((option) => option.trim());
  return new Set(options.filter((option) => !NOT_CONNECTION_OPTIONS.has(option)));
}

/**
 * The client's request id when it sent one, of 1 to 128 of `A-Za-z0-9._:-`.
 * @param {readonly string[] | undefined} values
 */
function saneRequestId(values) {
  return values?.length === 1 && SANE_ID.test(values[0]) ? values[0] : null;
}

/**
 * X-Forwarded-For, -Proto and -Host as we see them ourselves: all that is said of a peer that is not trusted.
 * @param {{ peer: string | null, scheme: string, host: string | null }} seen `peer`: null for a Unix socket's
 * @returns {string[]}
 */
function seenByUs({ peer, scheme, host }) {
  const fields = peer ? ['X-Forwarded-For', peer] : [];
  fields.push('X-Forwarded-Proto', scheme);
  if (host !== null) {
    fields.push('X-Forwarded-Host', host);
  }
  return fields;
}

/**
 * What is said beside that when the peer spoke of others before it, so that it may be a proxy itself: whoever gives
 * rights to this machine's own requests must not give them to those.
 * @param {ReadonlyMap<string, string[]>} noted
 * @returns {string[]}
 */
function ignored(noted) {
  return [...noted.keys()].some(isForwarding) ? ['X-Forwarded-Ignored', '1'] : [];
}

/**
 * The same after a trusted peer, which told us its own: For and Forwarded grow, the others stay as it said.
 * @param {ReadonlyMap<string, string[]>} noted
 * @param {{ peer: string | null, scheme: string, host: string | null }} seen
 * @returns {string[]}
 */
function saidBeforeUs(noted, seen) {
  const said = new Map([...noted].filter(([name]) => isForwarding(name)));
  const fields = [];
  const hops = [...(said.get('x-forwarded-for') ?? []), ...(seen.peer ? [seen.peer] : [])];
  if (hops.length > 0) {
    fields.push('X-Forwarded-For', hops.join(', '));
  }
  const ours = seenByUs({ ...seen, peer: null });
  for (let at = 0; at < ours.length; at += 2) {
    if (!said.has(ours[at].toLowerCase())) {
      fields.push(ours[at], ours[at + 1]);
    }
  }
  for (const [name, values] of said) {
    if (name !== 'x-forwarded-for' && name !== 'forwarded') {
      fields.push(...values.flatMap((value) => [name, value]));
    }
  }
  const forwarded = said.get('forwarded');
  if (forwarded) {
    fields.push('Forwarded', [...forwarded, `for=${node(seen.peer)}`].join(', '));
  }
  return fields;
}

/**
 * An address as RFC 7239 §6 writes it.
 * @param {string | null} peer
 */
function node(peer) {
  if (!peer) {
    return 'unknown';
  }
  return peer.includes(':') ? `"[${peer}]"` : peer;
}

/**
 * Whether a field tells where the request comes from.
 * @param {string} lower
 */
function isForwarding(lower) {
  return lower.startsWith('x-forwarded-') || FORWARDING.includes(lower);
}

/**
 * The end-to-end fields of a response.
 *
 * Content-Length goes from 204, where it is forbidden, and from 304, where it is optional (§8.6). Trailer stays where
 * trailers can be passed on: in a chunked response.
 * @param {readonly string[]} received
 * @param {{ status: number, trailers: boolean }} response
 * @returns {string[]}
 */
function responseHeaders(received, { status, trailers }) {
  const lengthless = status === 204 || status === 304;
  const kept = [];
  const connection = [];
  for (let at = 0; at < received.length; at += 2) {
    const { lower, response: rule } = field(received[at]);
    if (rule === KEEP || (rule === KEEP_AND_NOTE && !lengthless) || (lower === 'trailer' && trailers)) {
      kept.push(received[at], received[at + 1]);
    } else if (lower === 'connection') {
      connection.push(received[at + 1]);
    }
  }
  return connection.length > 0 ? without(kept, connectionOptions(connection)) : kept;
}

/**
 * The fields without those of these names, however they write `-`.
 * @param {string[]} fields
 * @param {ReadonlySet<string>} names lower-case, with `-` only
 */
function without(fields, names) {
  const kept = [];
  for (let at = 0; at < fields.length; at += 2) {
    if (!names.has(field(fields[at]).plain)) {
      kept.push(fields[at], fields[at + 1]);
    }
  }
  return kept;
}

/**
 * Trailers that may pass: those whose field has no rule, since a server may merge them into the headers (§6.5.1).
 * @param {readonly string[]} received
 * @param {'request' | 'response'} kind
 * @returns {string[]}
 */
function trailers(received, kind) {
  const kept = [];
  for (let at = 0; at < received.length; at += 2) {
    if (field(received[at])[kind] === KEEP) {
      kept.push(received[at], received[at + 1]);
    }
  }
  return kept;
}

/**
 * Our entry in Via (§7.6.3): the version in which the message reached us, and a name.
 * @param {string} httpVersion
 */
function via(httpVersion) {
  return `${httpVersion} ${PSEUDONYM}`;
}

module.exports = {
  DROP, NOTE, KEEP, KEEP_AND_NOTE, REFUSE, REQUEST_ID, TOKEN, VALUE,
  connectionOptions, field, ignored, responseHeaders, saidBeforeUs, saneRequestId, seenByUs, trailers, via, without,
};
