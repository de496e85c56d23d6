/** Puts the parts together: words, theme, the way to the server, pages. */
import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import { startAlarms } from '@/base/alarms'
import { setApiHooks } from '@/base/api'
import { openDrafts, wouldLose } from '@/base/drafts'
import { useForms } from '@/base/forms'
import { live } from '@/base/live'
import { prefs, startPrefs } from '@/base/prefs'
import { useSession } from '@/base/session'
import App from './App.vue'
import './tokens.css'
import './base.css'
import { i18n, serverLanguage, useLanguage } from './i18n'
import { router } from './router'

async function start(): Promise<void> {
  startPrefs()
  await useLanguage(prefs.language)

  const app = createApp(App)
  app.use(createPinia())
  app.use(i18n)

  const session = useSession()
  const forms = useForms()
  setApiHooks({ language: () => serverLanguage(prefs.language), loginAgain: () => session.loginAgain(), renewToken: () => session.renewToken() })
  session.watchOtherTabs(() => window.location.reload())

  watch(
    () => prefs.language,
    async (language) => {
      await useLanguage(language)
      // Old labels are better than none: where this fails they stay until something else asks.
      if (session.loggedIn) await forms.reload().catch(() => undefined)
    },
  )

  // One socket for everything, from log-in to log-out. A change of rights or of a form is asked for anew, not by all
  // browsers at once.
  const changed = new Set<string>()
  const schema = (form: string) => {
    if (changed.size === 0) setTimeout(() => void renew(), 50 + Math.random() * 250)
    changed.add(form)
  }
  async function renew(): Promise<void> {
    const keys = [...changed]
    changed.clear()
    await Promise.all([session.renewToken(), forms.loadList(), ...keys.map((key) => forms.renew(key))]).catch(() => undefined)
  }
  watch(
    () => session.user?.id,
    (id) => id !== undefined && openDrafts(id),
    { immediate: true, flush: 'sync' },
  )
  watch(
    () => session.loggedIn && !session.mustChange,
    (open) => {
      if (!open) {
        live.stop()
        return
      }
      live.start({ loginAgain: () => session.loginAgain(), schema })
      if (session.may('audit.read')) startAlarms()
    },
    { immediate: true },
  )

  window.addEventListener('beforeunload', (event) => {
    if (!wouldLose()) return
    event.preventDefault()
    // Browsers before 119 ask only where this is set.
    event.returnValue = ''
  })

  app.use(router)
  app.mount('#app')
}

void start()
