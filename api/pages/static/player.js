// Draws the sound above a player of the browser's own, which stays: it is what keyboards and screen readers work with.
//
// <figure data-wave><audio controls src="…"></audio></figure>
const drawn = new WeakSet()

// The library writes its rules into a shadow tree as a style element, which this site's policy keeps out as it should.
// The same rules, adopted as a sheet, are no inline style.
function adopting (make) {
  const attach = Element.prototype.attachShadow
  Element.prototype.attachShadow = function (options) {
    const root = attach.call(this, options)
    Object.defineProperty(root, 'innerHTML', {
      configurable: true,
      set (html) {
        delete root.innerHTML
        const parsed = new DOMParser().parseFromString(html, 'text/html')
        const sheet = new CSSStyleSheet()
        for (const style of parsed.querySelectorAll('style')) {
          sheet.replaceSync(style.textContent)
          style.remove()
        }
        root.adoptedStyleSheets = [sheet]
        root.append(...parsed.body.childNodes)
      }
    })
    return root
  }
  try {
    return make()
  } finally {
    Element.prototype.attachShadow = attach
  }
}

function draw (figure) {
  if (drawn.has(figure)) return
  drawn.add(figure)
  const audio = figure.querySelector('audio')
  const box = document.createElement('div')
  box.className = 'wave'
  box.setAttribute('aria-hidden', 'true')
  figure.prepend(box)
  const colour = getComputedStyle(figure)
  adopting(() => globalThis.WaveSurfer.create({
    container: box,
    media: audio,
    height: 64,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    waveColor: colour.getPropertyValue('--edge').trim(),
    progressColor: colour.getPropertyValue('--accent').trim(),
    cursorColor: colour.getPropertyValue('--rubric').trim()
  }))
}

const drawAll = (root) => root.querySelectorAll('figure[data-wave]').forEach(draw)

document.addEventListener('new', (event) => drawAll(event.target))
// One at a time.
document.addEventListener('play', (event) => {
  for (const other of document.querySelectorAll('audio')) if (other !== event.target) other.pause()
}, true)
drawAll(document)
