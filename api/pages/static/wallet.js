// Wallets of the browser: which there are (EIP-6963), signing in with one (EIP-4361), and letting it send what the
// service has prepared (EIP-1193). The service never sees a key, and a wallet shows what it is asked for.
//
// <div data-signin data-next="/account"> with <ul data-wallets> and <p data-signin-status>
// <div data-ask="/v1/jobs/ID/wallet">    a job waits for the wallet's answer to a question
// <form data-prepare="buy">              instead of being sent, what it says is prepared, and the wallet sends it
// <p data-wallet-status>                 says how far that is
const KEPT = 'stemmata-wallet'
const PATIENCE = 400
const EVERY = 1000
const UNKNOWN_CHAIN = 4902 // EIP-3326
const REJECTED = 4001 // EIP-1193: the user said no

const csrf = () => document.querySelector('meta[name=csrf]')?.content ?? ''

class Said extends Error {}

class OtherChain extends Error {
  constructor (chain) {
    super(`chain ${chain}`)
    this.chain = chain
  }
}

async function ask (method, url, body) {
  const answer = await fetch(url, {
    method,
    headers: { Accept: 'application/json', 'Content-Type': 'application/json', 'X-CSRF-Token': csrf() },
    body: body && JSON.stringify(body),
    credentials: 'same-origin'
  })
  const content = answer.status === 204 ? null : await answer.json().catch(() => ({}))
  if (!answer.ok) throw new Said(content?.detail ?? answer.statusText)
  return content
}

// All wallets that speak up, each once, as they do; an old one, which only sits there, if no other does.
function discover (found) {
  const known = new Set()
  const add = (info, provider) => {
    if (known.has(info.uuid)) return
    known.add(info.uuid)
    found({ info, provider })
  }
  addEventListener('eip6963:announceProvider', ({ detail }) => add(detail.info, detail.provider))
  dispatchEvent(new Event('eip6963:requestProvider'))
  setTimeout(() => {
    if (!known.size && globalThis.ethereum) add({ uuid: 'old', name: 'Ethereum', rdns: '' }, globalThis.ethereum)
    if (!known.size) found(null)
  }, PATIENCE)
}

const hex = (text) => '0x' + [...new TextEncoder().encode(text)].map((byte) => byte.toString(16).padStart(2, '0')).join('')

const filled = (text, values) => (text ?? '').replace(/\{(\w+)\}/g, (_, name) => values[name] ?? '')

function offerSignIn (box) {
  const status = box.querySelector('[data-signin-status]')
  const list = box.querySelector('[data-wallets]')
  const say = (what, values = {}) => { status.textContent = filled(box.dataset[what], values) }
  say('textLooking')
  discover((wallet) => {
    if (!wallet) return say('textNone')
    if (!list.children.length) say('')
    const item = document.createElement('li')
    const button = document.createElement('button')
    button.type = 'button'
    if (wallet.info.icon?.startsWith('data:image/')) button.append(Object.assign(new Image(20, 20), { src: wallet.info.icon, alt: '' }))
    button.append(filled(box.dataset.textUse, { name: wallet.info.name }))
    button.addEventListener('click', async () => {
      say('textAsking')
      button.disabled = true
      try {
        await signIn(wallet)
        location.assign(box.dataset.next)
      } catch (error) {
        say('textRefused', { why: error.message })
        button.disabled = false
      }
    })
    item.append(button)
    list.append(item)
  })
}

async function signIn ({ info, provider }) {
  const [address] = await provider.request({ method: 'eth_requestAccounts' })
  const { message } = await ask('POST', '/v1/signin/challenge', { address })
  const signature = await provider.request({ method: 'personal_sign', params: [hex(message), address] })
  await ask('POST', '/v1/signin', { message, signature })
  localStorage.setItem(KEPT, info.uuid === 'old' ? 'old' : info.rdns)
}

// The wallet that the reader signed in with; any, where the browser does not remember which.
function mine () {
  const kept = localStorage.getItem(KEPT)
  return new Promise((resolve) => {
    discover((wallet) => {
      if (wallet && [null, wallet.info.rdns, wallet.info.uuid].includes(kept)) resolve(wallet.provider)
    })
    setTimeout(() => resolve((kept === 'old' && globalThis.ethereum) || null), 2 * PATIENCE)
  })
}

function letSend (form) {
  const status = document.querySelector('[data-wallet-status]')
  const say = (what, values = {}) => { status.textContent = filled(status.dataset[what], values) }
  form.addEventListener('submit', async (event) => {
    event.preventDefault()
    const button = form.querySelector('button')
    button.disabled = true
    try {
      const provider = await mine()
      if (!provider) return say('textMissing')
      say('textAsking')
      await send(provider, form.dataset.prepare, said(form), say)
      say('textDone')
      location.reload()
    } catch (error) {
      say(...told(error))
    } finally {
      button.disabled = false
    }
  })
}

async function send (provider, kind, asked, say) {
  const { from, chainId, aim, transactions } = await ask('POST', '/v1/transactions/prepare', { kind, ...asked })
  await change(provider, '0x' + chainId.toString(16))
  for (const { to, data, value, gas } of transactions) {
    const call = { from, to, data, value, ...(gas && { gas }) }
    const hash = await provider.request({ method: 'eth_sendTransaction', params: [call] })
    say('textSent')
    let seen
    while (!(seen = await ask('POST', '/v1/transactions', { hash, ...(aim && { aim }) })).mined) await new Promise((resolve) => setTimeout(resolve, EVERY))
    if (!seen.succeeded) throw new Said(hash)
  }
}

// Let the wallet be on the chain that is meant.
async function change (provider, chainId) {
  if (BigInt(await provider.request({ method: 'eth_chainId' })) === BigInt(chainId)) return
  try {
    await provider.request({ method: 'wallet_switchEthereumChain', params: [{ chainId }] })
  } catch (error) {
    throw error.code === UNKNOWN_CHAIN ? new OtherChain(Number(chainId)) : error
  }
}

// A job's question: put to the wallet at once when it comes, and again whenever the reader wants it.
const put = new Set()

function letAnswer (box) {
  const status = box.querySelector('[data-wallet-status]')
  const say = (what, values = {}) => { status.textContent = filled(status.dataset[what], values) }
  const button = box.querySelector('button')
  const answer = async () => {
    button.disabled = true
    say('textAsking')
    try {
      const provider = await mine()
      if (!provider) return say('textMissing')
      const question = await ask('GET', box.dataset.ask)
      if (!question) return
      const { number } = question
      try {
        await ask('POST', box.dataset.ask, { number, ...await got(provider, question, box.dataset.account) })
      } catch (error) {
        if (error.code !== REJECTED) throw error
        await ask('POST', box.dataset.ask, { number, refused: error.message })
      }
    } catch (error) {
      say(...told(error))
    } finally {
      button.disabled = false
    }
  }
  button.addEventListener('click', answer)
  if (put.has(box.dataset.number)) return
  put.add(box.dataset.number)
  answer()
}

async function got (provider, { kind, message, chainId, to, data, value }, from) {
  if (kind === 'sign') return { signature: await provider.request({ method: 'personal_sign', params: [message, from] }) }
  await change(provider, chainId)
  return { hash: await provider.request({ method: 'eth_sendTransaction', params: [{ from, to, data, value }] }) }
}

// What went wrong, as the page says it.
const told = (error) => error instanceof OtherChain ? ['textChain', { chain: error.chain }] : ['textRefused', { why: error.message }]

// What a form says, as the JSON API has it: numbers are `data-number`, and what may be several is a list.
function said (form) {
  const found = {}
  for (const field of form.elements) {
    if (!field.name || field.name === 'csrf' || field.hasAttribute('data-page')) continue
    if (field.type === 'checkbox') found[field.name] = [...(found[field.name] ?? []), ...(field.checked ? [field.value] : [])]
    else if (field.value || field.dataset.empty) found[field.name] = field.hasAttribute('data-number') ? Number(field.value) : field.value || field.dataset.empty
  }
  for (const [name, value] of Object.entries(found)) if (Array.isArray(value) && !value.length) found[name] = ['none']
  return found
}

document.querySelectorAll('[data-signin]').forEach(offerSignIn)
document.querySelectorAll('form[data-prepare]').forEach(letSend)
document.querySelectorAll('[data-ask]').forEach(letAnswer)
document.addEventListener('new', ({ target }) => target.querySelectorAll('[data-ask]').forEach(letAnswer))
