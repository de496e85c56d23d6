/** The two languages; the words of one are loaded when it is first wanted. */
import { createI18n } from 'vue-i18n'
import type { Language } from '@/base/prefs'

const LOADERS: Record<Language, () => Promise<{ default: Record<string, unknown> }>> = {
  'zh-CN': () => import('@locales/zh-CN.json'),
  'en-US': () => import('@locales/en-US.json'),
}

export const i18n = createI18n({ legacy: false, locale: 'zh-CN', messages: {} as Record<string, Record<string, never>>, missingWarn: false, fallbackWarn: false })

export async function useLanguage(language: Language): Promise<void> {
  if (!i18n.global.availableLocales.includes(language)) {
    const words = await LOADERS[language]()
    i18n.global.setLocaleMessage(language, words.default as Record<string, never>)
  }
  i18n.global.locale.value = language
  document.documentElement.lang = language
}

/** As the server knows the languages. */
export const serverLanguage = (language: Language): string => (language === 'en-US' ? 'en' : 'zh-CN')
