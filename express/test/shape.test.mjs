// `settle` changes how V8 keeps an object, and nothing that can be seen of it.

import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const { settle } = createRequire(import.meta.url)('../lib/shape.js');

setFlagsFromString('--allow-natives-syntax');
const hasFastProperties = runInNewContext('(object) => %HasFastProperties(object)');
const isOld = Number.parseInt(process.versions.node, 10) < 24;

function pair() {
  const incoming = new IncomingMessage(new Socket());
  return { incoming, res: new ServerResponse(incoming) };
}

function asExpressDoes({ incoming, res }) {
  Object.setPrototypeOf(incoming, Object.create(IncomingMessage.prototype));
  Object.setPrototypeOf(res, Object.create(ServerResponse.prototype));
  res.locals = { of: 'the host' };
}

test('keys, their order, values and prototypes stay', () => {
  const { incoming, res } = pair();
  asExpressDoes({ incoming, res });
  const before = [incoming, res].map((one) => [Reflect.ownKeys(one), Object.getOwnPropertyDescriptors(one), Object.getPrototypeOf(one)]);
  settle(incoming, res);
  [incoming, res].forEach((one, at) => {
    const [keys, descriptors, prototype] = before[at];
    assert.deepEqual(Reflect.ownKeys(one), keys);
    assert.equal(Object.getPrototypeOf(one), prototype);
    for (const key of keys) {
      const now = Object.getOwnPropertyDescriptor(one, key);
      assert.ok(Object.keys(descriptors[key]).every((part) => Object.is(now[part], descriptors[key][part])), String(key));
    }
  });
});

test('what Express has touched is kept in a dictionary where V8 needs it', () => {
  const { incoming, res } = pair();
  asExpressDoes({ incoming, res });
  settle(incoming, res);
  assert.deepEqual([hasFastProperties(incoming), hasFastProperties(res)], [!isOld, !isOld]);
});

test("Node's own objects are left alone", () => {
  const { incoming, res } = pair();
  settle(incoming, res);
  assert.deepEqual([hasFastProperties(incoming), hasFastProperties(res)], [true, true]);
});
