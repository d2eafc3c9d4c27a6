// Prints unixfs_v1_2025.json: CIDs of described contents, computed by the JavaScript implementation of UnixFS.
//   npm install ipfs-unixfs-importer@17.1.1 blockstore-core@7.0.1 && node unixfs_v1_2025.mjs > unixfs_v1_2025.json
import { createHash } from 'node:crypto'
import { BlackHoleBlockstore } from 'blockstore-core/black-hole'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const MIB = 1 << 20
const PIECE = 1 << 18

function * zeros (length) {
  const piece = new Uint8Array(PIECE)
  for (let left = length; left > 0; left -= PIECE) yield piece.subarray(0, Math.min(left, PIECE))
}

function * counter (length) {
  for (let i = 0, left = length; left > 0; i++, left -= 32) {
    const number = Buffer.alloc(8)
    number.writeBigUInt64BE(BigInt(i))
    yield createHash('sha256').update(number).digest().subarray(0, Math.min(left, 32))
  }
}

async function * joined (pieces) {
  let some = []
  for (const piece of pieces) {
    some.push(piece)
    if (some.length === 8192) { yield Buffer.concat(some); some = [] }
  }
  if (some.length > 0) yield Buffer.concat(some)
}

async function cidOf (content, length, chunk, width) {
  const source = content === 'zeros' ? zeros(length) : joined(counter(length))
  const options = { profile: 'unixfs-v1-2025' }
  if (chunk !== MIB || width !== 1024) {
    options.chunker = fixedSize({ chunkSize: chunk })
    options.layout = balanced({ maxChildrenPerNode: width })
  }
  for await (const entry of importer([{ path: 'f', content: source }], new BlackHoleBlockstore(), options)) {
    return entry.cid.toString()
  }
}

const whole = [['counter', 0], ['counter', 1], ['counter', 5], ['counter', MIB - 1], ['counter', MIB], ['counter', MIB + 1],
  ['counter', 5_000_000], ['zeros', 1024 * MIB], ['zeros', 1024 * MIB + 1], ['zeros', 1025 * MIB]]
const small = []
for (const leaves of [1, 2, 3, 4, 8, 9, 10, 12, 26, 27, 28, 30, 36, 81, 82, 100]) small.push(['counter', leaves * 64, 64, 3])
small.push(['counter', 100_000, 256, 8], ['counter', 100_001, 1000, 10])

const vectors = []
for (const [content, length, chunk = MIB, width = 1024] of [...whole, ...small]) {
  vectors.push({ content, length, chunk, width, cid: await cidOf(content, length, chunk, width) })
}
// Folders: of described files, each holding its own path as text; a path that ends in / is an empty folder.
const padded = (count, length) => Array.from({ length: count }, (_, i) => String(i).padStart(5, '0').padEnd(length, 'x'))
// A link in a folder's node takes 44 bytes and its name here, its own data 4: the limit is 262144.
const described = [
  { note: 'empty', paths: ['/'] },
  { note: 'one file', paths: ['a.txt'] },
  { note: 'nested, with an empty folder', paths: ['b/c/d/e.txt', 'b/c/f.txt', 'b/empty/', 'a.txt', 'b.txt'] },
  { note: 'names whose order differs by alphabet', paths: ['b', 'a', 'B', 'A', 'Z z', '10', '9', 'a-b', 'a.b', 'ab'] },
  { note: 'names beyond ASCII', paths: ['Dvořák/Rusalka.txt', 'été.txt', 'e\u0301te\u0301.txt', '音楽', '🎼', '\uffee', 'ﬁ'] },
  { note: '1000 files', count: 1000, length: 12 },
  { note: '10000 files', count: 10_000, length: 12 },
  { note: 'as long as a node may be', count: 4095, length: 20, paths: ['y'.repeat(16)] },
  { note: 'a byte more', count: 4095, length: 20, paths: ['y'.repeat(17)] },
  { note: 'a trie within a folder', count: 5000, length: 20, within: 'takes/', paths: ['notes.txt'] }
]

async function folderCid ({ count = 0, length = 0, within = '', paths = [] }) {
  const all = [...padded(count, length).map((name) => within + name), ...paths]
  const source = all.map((path) => path.endsWith('/')
    ? { path: ('f/' + path).replace(/\/+$/, '') }
    : { path: 'f/' + path, content: Buffer.from(path) })
  let last
  for await (const entry of importer(source, new BlackHoleBlockstore(), { profile: 'unixfs-v1-2025' })) last = entry
  if (last.path !== 'f') throw new Error(`the importer ended with ${last.path}`)
  return last.cid.toString()
}
const folders = []
for (const folder of described) folders.push({ ...folder, cid: await folderCid(folder) })

console.log(JSON.stringify({
  made_with: 'npm ipfs-unixfs-importer 17.1.1, blockstore-core 7.0.1, by unixfs_v1_2025.mjs',
  contents: {
    zeros: 'length bytes of 0',
    counter: 'the first length bytes of sha256(0) || sha256(1) || ..., each number as 8 bytes, big-endian'
  },
  vectors,
  folders: {
    paths: 'each file holds its own path as text; a path that ends in / is an empty folder',
    count: 'beside them as many files, within a folder if so said, called 00000, 00001, ... and x up to length characters',
    vectors: folders
  }
}, null, 1))
