#!/usr/bin/env node
// npm's Solidity compiler behind the options of the native one that a standard-JSON build needs. A source that is not in
// the input is read from disk only below the folders that --allow-paths names, and the present one when it names any.
'use strict';
const fs = require('fs');
const path = require('path');
const solc = require(path.join(__dirname, '..', 'contracts', 'node_modules', 'solc'));

const PATHS = ['--allow-paths', '--base-path', '--include-path'];
const given = process.argv.slice(2);
const options = given.filter((option, i) => !PATHS.includes(option) && !PATHS.includes(given[i - 1]));
const allowed = given.filter((_, i) => given[i - 1] === '--allow-paths').flatMap((list) => [...list.split(','), '.']);

function read(name) {
  const file = path.resolve(name);
  if (!allowed.some((folder) => file.startsWith(path.resolve(folder) + path.sep))) {
    return { error: 'not in the input, and not allowed to be read from disk' };
  }
  try {
    return { contents: fs.readFileSync(file, 'utf8') };
  } catch (error) {
    return { error: error.message };
  }
}

if (options.includes('--version')) {
  // py-solc-x knows the platforms of native builds only.
  const version = solc.version().replace('Emscripten.clang', 'Linux.g++');
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${version}\n`);
} else if (options.length === 1 && options[0] === '--standard-json') {
  process.stdout.write(solc.compile(fs.readFileSync(0, 'utf8'), { import: read }) + '\n');
} else {
  process.stderr.write('solc.js: expected --version or --standard-json\n');
  process.exitCode = 1;
}
