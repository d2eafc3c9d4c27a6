// Lets a file be dropped, and says how much of it is sent. Without it the form is sent as any other.
'use strict'
;(() => {
  const form = document.querySelector('form.drop')
  const input = form.querySelector('input[type=file]')
  const button = form.querySelector('button')
  const sending = form.querySelector('.sending')
  const problem = form.querySelector('.problem')
  if (!matchMedia('(pointer:coarse)').matches) { // nobody drops files with a finger
    form.querySelector('.droppable').hidden = false
    form.querySelector('.choosable').hidden = true
  }

  function over (event) {
    event.preventDefault()
    form.classList.toggle('over', event.type === 'dragover')
  }
  form.addEventListener('dragover', over)
  form.addEventListener('dragleave', over)
  form.addEventListener('drop', (event) => {
    over(event)
    if (!event.dataTransfer.files.length) return
    input.files = event.dataTransfer.files
    send()
  })
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    send()
  })
  window.addEventListener('pageshow', () => busy(false)) // back from the check

  function busy (yes) {
    sending.hidden = !yes
    button.disabled = yes
    if (yes) problem.hidden = true
  }

  function refuse (words) {
    busy(false)
    problem.querySelector('bdi').textContent = words
    problem.hidden = false
  }

  function send () {
    const request = new XMLHttpRequest() // fetch cannot tell how much is sent
    request.open('POST', form.action)
    request.setRequestHeader('Accept', 'application/json')
    const csrf = form.querySelector('[name=csrf]')
    if (csrf) request.setRequestHeader('X-CSRF-Token', csrf.value)
    request.upload.addEventListener('progress', (event) => {
      const percent = Math.floor(100 * event.loaded / event.total)
      sending.querySelector('progress').value = percent
      sending.querySelector('span').textContent = form.dataset.sending.replace('{percent}', percent)
    })
    request.addEventListener('load', () => {
      if (request.status < 400) location.assign(request.responseURL)
      else refuse(said(request.responseText))
    })
    request.addEventListener('error', () => refuse(form.dataset.lost))
    request.send(new FormData(form))
    busy(true)
  }

  function said (text) {
    try {
      return JSON.parse(text).detail
    } catch {
      return form.dataset.lost
    }
  }
})()
