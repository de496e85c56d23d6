/** Puts the parts together: words, theme, the way to the server, pages. */
import { createPinia } from 'pinia'
import { createApp, watch } from 'vue'
import { setApiHooks } from '@/base/api'
import { wouldLose } from '@/base/drafts'
import { useForms } from '@/base/forms'
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
