'use strict';

/** Finds the `mediabridge` command, or says where it has looked. */

const { accessSync, constants, statSync } = require('node:fs');
const path = require('node:path');
const { SidecarError } = require('./errors');

const NAME = 'mediabridge';
const MEND =
  'Install it (pip install mediabridge), or name it: the option `command` or the environment variable ' +
  'MEDIABRIDGE_COMMAND, for instance MEDIABRIDGE_COMMAND=/srv/app/.venv/bin/mediabridge';

/**
 * The command as a program and its first arguments. First found of: the option, MEDIABRIDGE_COMMAND, `mediabridge` on
 * PATH, `mediabridge` in the working folder's `.venv`.
 * @param {{ command?: string | readonly string[], cwd: string, env: NodeJS.ProcessEnv, platform?: NodeJS.Platform }} where
 * @returns {string[]}
 * @throws {SidecarError} `command_not_found`
 */
function findCommand({ command, cwd, env, platform = process.platform }) {
  const place = { cwd, env, platform };
  if (command !== undefined && command.length > 0) {
    return named(typeof command === 'string' ? [command] : [...command], 'the option `command`', place);
  }
  if (env.MEDIABRIDGE_COMMAND) {
    return named(wordsOf(env.MEDIABRIDGE_COMMAND, cwd), 'MEDIABRIDGE_COMMAND', place);
  }
  const inVenv = venvPath(place);
  const found = onPath(NAME, place) ?? (isProgram(inVenv) ? inVenv : null);
  if (!found) {
    throw notFound(`The command mediabridge was not found: not on PATH, and there is no ${inVenv}.`);
  }
  return [found];
}

/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv, platform: NodeJS.Platform }} Place */

/**
 * @param {string[]} words
 * @param {string} source
 * @param {Place} place
 */
function named(words, source, place) {
  const [program, ...args] = words;
  const found = /[\\/]/.test(program) ? absolute(program, place) : onPath(program, place);
  if (!found) {
    throw notFound(`${source} names ${JSON.stringify(program)}, which is not a program that can be run.`);
  }
  return [found, ...args];
}

/**
 * @param {string} program
 * @param {Place} place
 */
function absolute(program, place) {
  const whole = path.resolve(place.cwd, program);
  return isProgram(whole) ? whole : null;
}

/**
 * A path may hold spaces; what is no file is a command with arguments.
 * @param {string} text
 * @param {string} cwd
 */
function wordsOf(text, cwd) {
  return isProgram(path.resolve(cwd, text)) ? [path.resolve(cwd, text)] : text.trim().split(/\s+/);
}

/**
 * @param {string} name
 * @param {Place} place
 */
function onPath(name, { cwd, env, platform }) {
  const folders = (env.PATH ?? env.Path ?? '').split(platform === 'win32' ? ';' : ':').filter(Boolean);
  const endings = platform === 'win32' ? ['', ...(env.PATHEXT ?? '.EXE').split(';')] : [''];
  const all = folders.flatMap((folder) => endings.map((ending) => path.resolve(cwd, folder, name + ending)));
  return all.find(isProgram) ?? null;
}

/** @param {Place} place */
function venvPath({ cwd, platform }) {
  const inside = platform === 'win32' ? ['Scripts', `${NAME}.exe`] : ['bin', NAME];
  return path.join(cwd, '.venv', ...inside);
}

/** @param {string} file */
function isProgram(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** @param {string} message */
function notFound(message) {
  return new SidecarError('command_not_found', message, { suggestion: MEND });
}

module.exports = { findCommand };
