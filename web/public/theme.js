// Runs before the first paint, so that a dark screen does not flash white. The page's policy forbids inline scripts.
;(function () {
  var wanted = 'system'
  try {
    wanted = localStorage.getItem('tidemark.theme') || 'system'
  } catch (e) {
    // Storage may be switched off by policy: follow the system then.
  }
  var dark = wanted === 'dark' || (wanted === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-theme', dark ? 'dark' : 'light')
})()
