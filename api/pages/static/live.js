// A page that follows a job: whenever the service says that something happened, the page is asked for again, and what
// is new in it takes the place of what was there. So there is one way to say things, and it is the one without scripts.
//
// <main data-live="/v1/jobs/ID/events">   where events come from
//   <div id="…" data-live-part>           replaced when it has changed
//   <ol id="…" data-live-list>            gets the children that it has not yet, known by their ids; the others stay,
//                                         so that what is playing plays on, unless their data-live-version is another
//                                         by now, or they have one and are there no more
// A "new" event tells of each element that came, and of the one whose place it took (detail.was).
//   <p role="status" data-live-said>      stays, and is told how things stand, so that whoever listens hears it
//   <p data-live-end>                     nothing will happen any more
// and somewhere in a part an element with `data-state`, which says how things stand.
const PAUSE = 300

const shown = new Map() // of each part, as it came: scripts change what is on the page

function follow (root) {
  for (const part of root.querySelectorAll('[data-live-part]')) shown.set(part.id, part.outerHTML)
  const events = new EventSource(root.dataset.live)
  let waiting = null
  const soon = () => {
    waiting ??= setTimeout(async () => {
      waiting = null
      await renew()
      if (root.querySelector('[data-live-end]')) events.close()
    }, PAUSE)
  }
  for (const kind of (root.dataset.liveKinds ?? 'message').split(' ')) events.addEventListener(kind, soon)
  // A connection that is lost comes back by itself; what was missed is in the page all the same.
  events.addEventListener('open', soon)
}

async function renew () {
  let fresh
  try {
    const answer = await fetch(location.href, { headers: { Accept: 'text/html' }, credentials: 'same-origin' })
    if (!answer.ok) return
    fresh = new DOMParser().parseFromString(await answer.text(), 'text/html')
  } catch {
    return // the next event asks again
  }
  for (const part of fresh.querySelectorAll('[data-live-part]')) {
    const old = document.getElementById(part.id)
    if (!old || shown.get(part.id) === part.outerHTML) continue
    shown.set(part.id, part.outerHTML)
    swap(old, part)
  }
  const [said, state] = [document.querySelector('[data-live-said]'), document.querySelector('[data-state]')]
  if (said && state && said.textContent !== state.textContent) said.textContent = state.textContent
  for (const list of fresh.querySelectorAll('[data-live-list]')) {
    const old = document.getElementById(list.id)
    for (const item of old ? [...old.querySelectorAll(':scope > [data-live-version]')] : []) {
      if (!fresh.getElementById(item.id)) item.remove()
    }
    for (const item of old ? [...list.children] : []) {
      const there = document.getElementById(item.id)
      if (there && there.dataset.liveVersion === item.dataset.liveVersion) continue
      if (there) swap(there, item)
      else tell(old.appendChild(document.importNode(item, true)))
    }
  }
}

const tell = (element, was) => element.dispatchEvent(new CustomEvent('new', { bubbles: true, detail: { was } }))

// Whoever had the focus inside keeps it, if it is still there.
function swap (old, part) {
  const focused = old.contains(document.activeElement) ? document.activeElement.id : null
  const fresh = document.importNode(part, true)
  old.replaceWith(fresh)
  if (focused) document.getElementById(focused)?.focus()
  tell(fresh, old)
}

for (const root of document.querySelectorAll('[data-live]')) follow(root)
