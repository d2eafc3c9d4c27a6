// The studio's sliders say what they are set to.

// Of each style slider, its part of the whole, since only proportions count.
function mix (form) {
  const sliders = [...form.querySelectorAll('input[type=range][data-style]')]
  const whole = sliders.reduce((sum, slider) => sum + Number(slider.value), 0)
  for (const slider of sliders) {
    const part = whole ? Math.round(100 * Number(slider.value) / whole) : 0
    slider.form.querySelector(`output[for="${slider.id}"]`).value = `${part} %`
    slider.setAttribute('aria-valuetext', `${part} %`)
  }
  for (const slider of form.querySelectorAll('input[type=range]:not([data-style])')) {
    const output = form.querySelector(`output[for="${slider.id}"]`)
    if (output) output.value = slider.value
  }
  // A mix of nothing is none: the browser says so before anything is sent.
  sliders[0]?.setCustomValidity(whole ? '' : form.dataset.textNothing)
}

for (const form of document.querySelectorAll('form[data-mixer]')) {
  form.addEventListener('input', () => mix(form))
  mix(form)
}
