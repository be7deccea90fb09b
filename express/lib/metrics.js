'use strict';

/**
 * What is counted of proxied requests, in the text format of Prometheus (exposition format 0.0.4). Names and labels are
 * those of the Python proxy, so that one dashboard fits both.
 */

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);
const BUCKETS_S = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 180];

/** The counts of one route: plain numbers, because they change with every request. */
class RouteCounts {
  constructor() {
    this.inFlight = 0;
    this.bytesIn = 0;
    this.bytesOut = 0;
    /** @type {Map<string, Map<number, number>>} by method, then status */
    this.requests = new Map();
    /** @type {Map<string, number>} by outcome */
    this.failures = new Map();
    /** Requests for each bucket, not added up; the last one is for all above. */
    this.firstBytes = new Array(BUCKETS_S.length + 1).fill(0);
    this.firstByteSeconds = 0;
  }

  /** @param {import('../index').RequestEvent} event */
  count({ bytesIn, bytesOut, firstByteMs, method, outcome, status }) {
    this.bytesIn += bytesIn;
    this.bytesOut += bytesOut;
    const label = METHODS.has(method) ? method : 'other'; // clients choose methods: no label for each
    let statuses = this.requests.get(label);
    if (!statuses) {
      statuses = new Map();
      this.requests.set(label, statuses);
    }
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if (outcome !== 'ok') {
      this.failures.set(outcome, (this.failures.get(outcome) ?? 0) + 1);
    }
    if (firstByteMs !== null) {
      this._observe(firstByteMs / 1000);
    }
  }

  /** @param {number} seconds */
  _observe(seconds) {
    let bucket = 0;
    while (seconds > BUCKETS_S[bucket]) {
      bucket += 1;
    }
    this.firstBytes[bucket] += 1;
    this.firstByteSeconds += seconds;
  }
}

class Metrics {
  /** @param {readonly string[]} routes told from the start, with zeros */
  constructor(routes) {
    /** @type {Map<string, RouteCounts>} */
    this._routes = new Map(routes.map((route) => [route, new RouteCounts()]));
  }

  /** @param {string} route one of those that it was made with */
  began(route) {
    const counts = this._routes.get(route);
    if (counts) {
      counts.inFlight += 1;
    }
  }

  /** @param {import('../index').RequestEvent} event of a request that began */
  ended(event) {
    const counts = this._routes.get(event.route);
    if (counts) {
      counts.inFlight -= 1;
      counts.count(event);
    }
  }

  /** All of it, as text. */
  text() {
    return FAMILIES.map(({ name, kind, help, samples }) => {
      const lines = [...this._routes].flatMap(([route, counts]) => samples(counts, labels({ route }), route));
      const head = [`# HELP mediabridge_proxy_${name} ${help}`, `# TYPE mediabridge_proxy_${name} ${kind}`];
      return [...head, ...lines.map((line) => `mediabridge_proxy_${line}`)].join('\n');
    }).join('\n').concat('\n');
  }
}

/**
 * @typedef {object} Family
 * @property {string} name
 * @property {'counter' | 'gauge' | 'histogram'} kind
 * @property {string} help
 * @property {(counts: RouteCounts, own: string, route: string) => string[]} samples `own`: the labels of the route alone
 */

/** @type {readonly Family[]} */
const FAMILIES = [
  {
    name: 'requests_total', kind: 'counter', help: 'Requests that have ended, 499 when the client left before.',
    samples: ({ requests }, _own, route) => [...requests].flatMap(([method, statuses]) =>
      [...statuses].map(([status, n]) => `requests_total${labels({ route, method, status: String(status) })} ${n}`)),
  },
  {
    name: 'in_flight', kind: 'gauge', help: 'Requests that have not ended.',
    samples: ({ inFlight }, own) => [`in_flight${own} ${inFlight}`],
  },
  {
    name: 'request_bytes_total', kind: 'counter', help: 'Bytes of request bodies.',
    samples: ({ bytesIn }, own) => [`request_bytes_total${own} ${bytesIn}`],
  },
  {
    name: 'response_bytes_total', kind: 'counter', help: 'Bytes of response bodies.',
    samples: ({ bytesOut }, own) => [`response_bytes_total${own} ${bytesOut}`],
  },
  {
    name: 'first_byte_seconds', kind: 'histogram', help: "Time to the head of the sidecar's response.",
    samples: firstByteSamples,
  },
  {
    name: 'failures_total', kind: 'counter', help: 'Requests that did not end well, by what happened.',
    samples: ({ failures }, _own, route) =>
      [...failures].map(([outcome, n]) => `failures_total${labels({ route, outcome })} ${n}`),
  },
];

/**
 * @param {RouteCounts} counts
 * @param {string} own
 * @param {string} route
 */
function firstByteSamples({ firstBytes, firstByteSeconds }, own, route) {
  let sum = 0;
  const buckets = firstBytes.map((n, at) => {
    sum += n;
    const le = at < BUCKETS_S.length ? decimal(BUCKETS_S[at]) : '+Inf';
    return `first_byte_seconds_bucket${labels({ route, le })} ${sum}`;
  });
  return [...buckets, `first_byte_seconds_sum${own} ${firstByteSeconds}`, `first_byte_seconds_count${own} ${sum}`];
}

/**
 * The canonical form of a bound: `1.0`, as other clients write it.
 * @param {number} value
 */
function decimal(value) {
  return Number.isInteger(value) ? value.toFixed(1) : String(value);
}

/** @param {Record<string, string>} pairs */
function labels(pairs) {
  const all = Object.entries(pairs).map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escaped)}"`);
  return `{${all.join(',')}}`;
}

/** @param {string} character */
function escaped(character) {
  return character === '\n' ? '\\n' : `\\${character}`;
}

module.exports = { Metrics };
