// A folder of recordings on its way to the service, file by file. What has arrived is not sent again, also after a reload:
// the page remembers the upload, asks what of it is there, and goes on once the folder is chosen again.
//
// <form data-folder data-uploads="/v1/uploads">
//   <input type="hidden" name="upload">   gets the id
//   <div data-drop><input type="file" webkitdirectory multiple></div>
//   <progress>, <p data-status role="status">, <ul data-problems>
// Texts are the form's: data-text-… with {done}, {all}, {name}, {why}.
const WANTED = /\.(wav|flac|mp3|ogg|oga|opus|m4a|aac|aif|aiff|csv|json)$/i
const KEPT = 'stemmata-upload'

export class Folder {
  constructor (form) {
    this.form = form
    this.drop = form.querySelector('[data-drop]')
    this.input = this.drop.querySelector('input[type=file]')
    this.bar = form.querySelector('progress')
    this.status = form.querySelector('[data-status]')
    this.problems = form.querySelector('[data-problems]')
    this.submit = form.querySelector('[type=submit]')
    this.upload = form.elements.upload
    this.csrf = form.elements.csrf.value
    this.files = []
    this.ready = false
    // With scripts the files go ahead of the form; and where there is a mouse, a whole folder can be chosen or dropped.
    this.input.required = false
    this.input.removeAttribute('name')
    if (!matchMedia('(pointer: coarse)').matches) {
      this.input.webkitdirectory = true
      this.drop.querySelector('[data-drop-label]').textContent = this.text('drop')
    }
    this.input.addEventListener('change', () => this.take(named(this.input.files)))
    this.drop.addEventListener('dragover', (event) => { event.preventDefault(); this.drop.classList.add('over') })
    this.drop.addEventListener('dragleave', () => this.drop.classList.remove('over'))
    this.drop.addEventListener('drop', async (event) => {
      event.preventDefault()
      this.drop.classList.remove('over')
      await this.take(await walked(event.dataTransfer))
    })
    form.addEventListener('submit', (event) => {
      if (this.ready) return forget()
      event.preventDefault()
      this.say('choose')
      this.input.focus()
    })
    this.recall()
  }

  // An upload that a reload interrupted.
  async recall () {
    const kept = remembered()
    if (!kept) return
    const there = await this.arrived(kept.id)
    if (!there) return forget()
    this.upload.value = kept.id
    this.say('again', { done: there.size, all: kept.count })
  }

  async take (files) {
    const wanted = files.filter(({ name }) => WANTED.test(name))
    if (!wanted.length) return this.say('none')
    this.ready = false
    this.problems.replaceChildren()
    this.submit.disabled = true
    try {
      await this.send(wanted)
    } catch (error) {
      this.complain(error.message)
      this.say('stopped')
    } finally {
      this.submit.disabled = false
    }
  }

  async send (files) {
    let there = this.upload.value ? await this.arrived(this.upload.value) : null
    if (!there) {
      const made = await this.ask('POST', this.form.dataset.uploads)
      this.upload.value = (await made.json()).id
      there = new Map()
    }
    remember({ id: this.upload.value, count: files.length })
    const all = files.reduce((sum, { file }) => sum + file.size, 0)
    let done = 0
    let failed = 0
    this.bar.hidden = false
    this.bar.max = all
    for (const [place, { name, file }] of files.entries()) {
      this.say('sending', { name, done: place + 1, all: files.length })
      if (there.get(name) !== file.size) {
        try {
          await this.put(name, file, (sent) => { this.bar.value = done + sent })
        } catch (error) {
          failed++
          this.complain(`${name}: ${error.message}`)
        }
      }
      done += file.size
      this.bar.value = done
    }
    this.ready = failed < files.length
    this.say(failed ? 'partly' : 'done', { done: files.length - failed, all: files.length })
  }

  // Which files of an upload are here, and how large; null where there is no such upload.
  async arrived (id) {
    try {
      const answer = await this.ask('GET', `${this.form.dataset.uploads}/${encodeURIComponent(id)}`)
      return new Map((await answer.json()).arrived.map(({ name, bytes }) => [name, bytes]))
    } catch {
      return null
    }
  }

  async ask (method, url) {
    const answer = await fetch(url, { method, headers: { 'X-CSRF-Token': this.csrf }, credentials: 'same-origin' })
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).detail ?? answer.statusText)
    return answer
  }

  // fetch tells nobody how far a body has come.
  put (name, file, progress) {
    const path = name.split('/').map(encodeURIComponent).join('/')
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest()
      request.open('PUT', `${this.form.dataset.uploads}/${encodeURIComponent(this.upload.value)}/files/${path}`)
      request.setRequestHeader('X-CSRF-Token', this.csrf)
      request.setRequestHeader('Content-Type', file.type || 'application/octet-stream')
      request.upload.addEventListener('progress', (event) => progress(event.loaded))
      request.addEventListener('error', () => reject(new Error(this.text('unreachable'))))
      request.addEventListener('load', () => request.status < 300 ? resolve() : reject(new Error(detail(request))))
      request.send(file)
    })
  }

  text (what, values = {}) {
    const said = this.form.dataset[`text${what[0].toUpperCase()}${what.slice(1)}`] ?? ''
    return said.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '')
  }

  say (what, values) { this.status.textContent = this.text(what, values) }

  complain (text) {
    const item = document.createElement('li')
    item.textContent = text
    this.problems.append(item)
  }
}

function detail (request) {
  try {
    return JSON.parse(request.responseText).detail
  } catch {
    return request.statusText
  }
}

// The files of a chosen folder, by their paths below it.
function named (list) {
  return [...list].map((file) => ({ name: below(file.webkitRelativePath || file.name), file }))
}

const below = (path) => path.includes('/') ? path.slice(path.indexOf('/') + 1) : path

// The files of what was dropped: folders are walked, in the order of their names.
async function walked (transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean)
  if (!entries.length) return named(transfer.files)
  const found = []
  for (const entry of entries) await walk(entry, entry.isDirectory && entries.length === 1 ? '' : entry.name, found)
  return found.sort((a, b) => a.name < b.name ? -1 : 1)
}

async function walk (entry, name, found) {
  if (entry.isFile) {
    found.push({ name, file: await new Promise((resolve, reject) => entry.file(resolve, reject)) })
    return
  }
  const reader = entry.createReader()
  for (;;) { // a reader gives a hundred at a time
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject))
    if (!some.length) return
    for (const child of some) await walk(child, name ? `${name}/${child.name}` : child.name, found)
  }
}

function remembered () {
  try {
    return JSON.parse(localStorage.getItem(KEPT))
  } catch {
    return null
  }
}

const remember = (upload) => localStorage.setItem(KEPT, JSON.stringify(upload))
const forget = () => localStorage.removeItem(KEPT)

for (const form of document.querySelectorAll('form[data-folder]')) new Folder(form)
