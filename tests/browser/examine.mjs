// Reads a page as people do, in a real browser: what does it ask for, is it whole on a phone, and can everybody read it?
//
// node examine.mjs CHROMIUM PAGE.html WIDTH [SHOT.png]   prints one JSON object.
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
import puppeteer from 'puppeteer-core'

const [chromium, page, width, shot] = process.argv.slice(2)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const browser = await puppeteer.launch({ executablePath: chromium, args: ['--no-sandbox', '--disable-gpu'] })
try {
  const url = pathToFileURL(page).href

  // First as it is, with nothing allowed that the page itself forbids.
  const plain = await browser.newPage()
  await plain.setViewport({ width: Number(width), height: 800, isMobile: Number(width) < 600, hasTouch: Number(width) < 600 })
  const requests = []
  const complaints = []
  plain.on('request', (request) => requests.push(request.url().slice(0, 60)))
  plain.on('console', (message) => complaints.push(message.text()))
  plain.on('pageerror', (error) => complaints.push(String(error)))
  await plain.goto(url, { waitUntil: 'load' })
  const seen = await plain.evaluate(() => ({
    scroll: document.documentElement.scrollWidth,
    inner: document.documentElement.clientWidth,
    styled: getComputedStyle(document.querySelector('.verdict')).borderLeftWidth,
    pictures: [...document.images].map((image) => image.naturalWidth),
    small: [...document.querySelectorAll('.stemma text')].map((text) => text.getBoundingClientRect().height),
    outside: [...document.querySelectorAll('.stemma text')].filter((text) => {
      const box = text.parentElement.querySelector('rect').getBoundingClientRect()
      const own = text.getBoundingClientRect()
      return own.right > box.right || own.left < box.left
    }).map((text) => text.textContent)
  }))
  if (shot) await plain.screenshot({ path: shot, fullPage: true })

  // Then with axe-core in it, which the page's own policy would not let in.
  const checked = await browser.newPage()
  await checked.setBypassCSP(true)
  await checked.setViewport({ width: Number(width), height: 800 })
  await checked.goto(url, { waitUntil: 'load' })
  await checked.evaluate(axe)
  const result = await checked.evaluate(async () =>
    await globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] })
  )
  const violations = result.violations.map(({ id, help, nodes }) => ({ id, help, nodes: nodes.slice(0, 3).map((node) => node.html.slice(0, 200)) }))
  const undecided = result.incomplete.map(({ id, nodes }) => ({ id, nodes: nodes.length }))
  console.log(JSON.stringify({ requests, complaints, ...seen, violations, undecided, passes: result.passes.length }))
} finally {
  await browser.close()
}
