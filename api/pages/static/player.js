// Draws the outline of a track over its player. Without it the player is the browser's own, and plays as well.
//
// A player is <figure class="player" data-outline="OUTLINE.json"><audio controls src="…"></audio></figure>, the outline
// {"seconds": length, "peaks": [0 to 1, …]}; without one, the sound is fetched whole, and drawn when it is here. One that
// is being made (data-growing) has none yet; where the whole takes its place, what played plays on.
// wavesurfer.js is loaded before this file.
'use strict'
;(() => {
  const HEIGHT = 72 // the policy of the pages names the style of this very height

  async function draw (figure) {
    const audio = figure.querySelector('audio')
    const known = {}
    if (figure.dataset.outline) {
      const answer = await fetch(figure.dataset.outline)
      if (!answer.ok) return
      const { seconds, peaks } = await answer.json()
      Object.assign(known, { peaks: [peaks], duration: seconds })
    }
    const place = document.createElement('div')
    place.className = 'outline'
    place.setAttribute('aria-hidden', 'true') // the browser's own player stays, and is what keyboards work with
    figure.prepend(place)
    const colour = (name) => getComputedStyle(figure).getPropertyValue(name).trim()
    const wave = WaveSurfer.create({
      container: place, media: audio, ...known, height: HEIGHT,
      waveColor: colour('--edge'), progressColor: colour('--accent'), cursorColor: colour('--rubric'),
      barWidth: 2, barGap: 1, barRadius: 2, normalize: true, dragToSeek: true, hideScrollbar: true
    })
    matchMedia('(prefers-color-scheme:dark)').addEventListener('change', () => wave.setOptions({
      waveColor: colour('--edge'), progressColor: colour('--accent'), cursorColor: colour('--rubric')
    }))
  }

  function find (root) {
    for (const figure of root.querySelectorAll('.player:not([data-drawn], [data-growing])')) {
      figure.dataset.drawn = ''
      draw(figure).catch(() => {})
    }
  }

  function goOn (was, now) {
    const [old, fresh] = [was?.querySelector('audio'), now.querySelector('audio')]
    if (!old || !fresh) return
    const { currentTime, paused, ended } = old
    old.pause()
    old.removeAttribute('src')
    old.load() // so that nothing more of it is sent
    if (fresh.closest('[data-growing]')) return // another attempt, which is other music
    if (currentTime && !ended) fresh.currentTime = currentTime
    if (!paused) fresh.play().catch(() => {})
  }

  find(document)
  document.addEventListener('htmx:after:swap', () => find(document))
  document.addEventListener('new', (event) => { // of live.js
    goOn(event.detail?.was, event.target)
    find(event.target)
  })
  // One plays at a time.
  document.addEventListener('play', (event) => {
    for (const other of document.querySelectorAll('audio')) if (other !== event.target) other.pause()
  }, true)
})()
