// The package as its users see it: both kinds of module, the same names in code, types and README, nothing forgotten.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import * as esm from 'mediabridge';
import { HERE } from './helpers/running.mjs';

const require = createRequire(import.meta.url);
const HOME = join(HERE, '..');
const manifest = JSON.parse(readFileSync(join(HOME, 'package.json'), 'utf8'));

test('modules and CommonJS get the same objects', () => {
  const cjs = require('mediabridge');
  assert.deepEqual(Object.keys(esm).sort(), Object.keys(cjs).sort());
  for (const name of Object.keys(cjs)) {
    assert.equal(esm[name], cjs[name]);
  }
  assert.equal(typeof require('mediabridge/testing').createFakeSidecar, 'function');
  assert.throws(() => require('mediabridge/lib/proxy.js'), { code: 'ERR_PACKAGE_PATH_NOT_EXPORTED' });
});

test('every public value has a type', () => {
  const types = readFileSync(join(HOME, 'index.d.ts'), 'utf8');
  const declared = [...types.matchAll(/^export (?:const|function|class) (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.sort(), Object.keys(esm).sort());
});

test('nothing is needed at run time', () => {
  assert.equal(manifest.dependencies, undefined);
  for (const file of readdirSync(join(HOME, 'lib'))) {
    const source = readFileSync(join(HOME, 'lib', file), 'utf8');
    for (const [, name] of source.matchAll(/require\('([^']+)'\)/g)) {
      assert.ok(name.startsWith('node:') || name.startsWith('./'), `${file} requires ${name}`);
    }
  }
});

test('development packages are pinned, and no lock file names a registry', () => {
  for (const version of Object.values(manifest.devDependencies)) {
    assert.match(version, /^(npm:[a-z-]+@)?\d+\.\d+\.\d+$/);
  }
});

test('what is published is what is needed', () => {
  const packed = JSON.parse(execFileSync('npm', ['pack', '--dry-run', '--json'], { cwd: HOME, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }));
  const files = packed[0].files.map((file) => file.path);
  for (const needed of ['lib/index.js', 'lib/testing.js', 'index.mjs', 'index.d.ts', 'index.d.mts', 'testing.d.ts', 'README.md']) {
    assert.ok(files.includes(needed), `${needed} is not published`);
  }
  assert.ok(!files.some((file) => file.startsWith('test/') || file.includes('bench')));
});

test('the README names every option', () => {
  const types = readFileSync(join(HOME, 'index.d.ts'), 'utf8');
  const readme = readFileSync(join(HOME, 'README.md'), 'utf8');
  for (const name of ['ProxyOptions', 'SidecarOptions', 'Timeouts']) {
    const body = new RegExp(`interface ${name}[^{]*\\{(.*?)^\\}`, 'ms').exec(types)[1];
    for (const [, option] of body.matchAll(/^ {2}(\w+)\?:/gm)) {
      assert.ok(readme.includes(`\`${option}\``), `${option} is not in the README`);
    }
  }
});

test('the example in the README runs', async () => {
  const readme = readFileSync(join(HOME, 'README.md'), 'utf8');
  const [, code] = /```js\n(import express.*?)```/s.exec(readme);
  const asTest = code.replace("from 'express'", "from 'express5'").replace(/\b8080\b/, '0').replace("from 'mediabridge'", "from 'mediabridge'");
  const script = `${asTest}\nconst { port } = server.address();\nconsole.log((await fetch(\`http://127.0.0.1:\${port}/health\`)).status);\nawait sidecar.stop();\nserver.close();`;
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', script], {
    cwd: HOME, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 30_000,
    env: { ...process.env, MEDIABRIDGE_COMMAND: '/no/such/mediabridge' },
  });
  assert.match(out, /503/); // with no sidecar to be had, the host serves all the same
});

test('the types are right', () => {
  for (const project of ['.', 'test/types']) {
    try {
      execFileSync(process.execPath, [require.resolve('typescript/bin/tsc'), '-p', project], { cwd: HOME, encoding: 'utf8' });
    } catch (error) {
      assert.fail(error.stdout);
    }
  }
});
