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
console.log(JSON.stringify({
  made_with: 'npm ipfs-unixfs-importer 17.1.1, blockstore-core 7.0.1, by unixfs_v1_2025.mjs',
  contents: {
    zeros: 'length bytes of 0',
    counter: 'the first length bytes of sha256(0) || sha256(1) || ..., each number as 8 bytes, big-endian'
  },
  vectors
}, null, 1))
