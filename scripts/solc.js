#!/usr/bin/env node
// npm's Solidity compiler behind the two options of the native one that a standard-JSON build needs. Every source has
// to be in the input: nothing is read from disk, and options that say where it may be read from mean nothing here.
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require(path.join(__dirname, '..', 'contracts', 'node_modules', 'solc'));

const PATHS = ['--allow-paths', '--base-path', '--include-path'];
const given = process.argv.slice(2);
const options = given.filter((option, i) => !PATHS.includes(option) && !PATHS.includes(given[i - 1]));
if (options.includes('--version')) {
  // py-solc-x knows the platforms of native builds only.
  const version = solc.version().replace('Emscripten.clang', 'Linux.g++');
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (options.length === 1 && options[0] === '--standard-json') {
  process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8')) + '\n');
} else {
  process.stderr.write('solc.js: expected --version or --standard-json\n');
  process.exitCode = 1;
}
