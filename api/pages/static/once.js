// A form is sent once: whoever clicks twice does not ask twice. Back on the page, it can be sent again.
addEventListener('submit', (event) => {
  const button = event.submitter
  if (event.defaultPrevented || !button) return
  setTimeout(() => { // by then the form has said what its button says
    button.disabled = true
    button.dataset.sent = ''
  })
})
addEventListener('pageshow', () => {
  for (const button of document.querySelectorAll('button[data-sent]')) {
    button.disabled = false
    delete button.dataset.sent
  }
})
