// Prints car_v1.json: a CAR of one file, written by the JavaScript implementation, blocks depth first.
//   npm install ipfs-unixfs-importer@17.1.1 blockstore-core@7.0.1 @ipld/car@5.4.7 @ipld/dag-pb@4.2.0
//   node car_v1.mjs > car_v1.json
import { CarWriter } from '@ipld/car'
import { decode } from '@ipld/dag-pb'
import { MemoryBlockstore } from 'blockstore-core/memory'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const content = Uint8Array.from({ length: 300 }, (_, i) => i % 256)
const blocks = new MemoryBlockstore()
const options = {
  profile: 'unixfs-v1-2025',
  chunker: fixedSize({ chunkSize: 32 }),
  layout: balanced({ maxChildrenPerNode: 3 })
}
let root
for await (const entry of importer([{ path: 'f', content }], blocks, options)) root = entry.cid

async function bytesOf (cid) {
  const pieces = []
  for await (const piece of blocks.get(cid)) pieces.push(piece)
  return Buffer.concat(pieces)
}

const { writer, out } = CarWriter.create([root])
const written = new Set()
async function write (cid) {
  if (written.has(cid.toString())) return
  written.add(cid.toString())
  const bytes = await bytesOf(cid)
  await writer.put({ cid, bytes })
  if (cid.code === 0x70) for (const link of decode(bytes).Links) await write(link.Hash)
}
const collected = (async () => {
  const pieces = []
  for await (const piece of out) pieces.push(piece)
  return Buffer.concat(pieces)
})()
await write(root)
await writer.close()
console.log(JSON.stringify({
  made_with: 'npm @ipld/car 5.4.7, @ipld/dag-pb 4.2.0, ipfs-unixfs-importer 17.1.1, by car_v1.mjs',
  content: '300 bytes: 0, 1, ..., 255, 0, 1, ..., 43; chunks of 32 bytes, 3 links a node',
  root: root.toString(),
  car: (await collected).toString('base64')
}, null, 1))
