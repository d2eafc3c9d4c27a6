// Buttons that copy what a field holds.
'use strict'
;(() => {
  function show () {
    for (const button of document.querySelectorAll('[data-copy][hidden]')) button.hidden = !navigator.clipboard
  }
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-copy]')
    if (!button) return
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).value)
    button.textContent = button.dataset.copied
  })
  document.addEventListener('htmx:after:swap', show)
  show()
})()
