/** What a person likes about the screen: language, theme, density, a slim side bar. Kept in this browser. */
import { reactive, watch } from 'vue'
import { keep, kept } from './storage'

export type Theme = 'light' | 'dark' | 'system'
export type Language = 'zh-CN' | 'en-US'
export type Density = 'normal' | 'compact'

function one<T extends string>(value: string | null, allowed: readonly T[], fallback: T): T {
  return allowed.includes(value as T) ? (value as T) : fallback
}

function languageOfBrowser(): Language {
  return typeof navigator !== 'undefined' && !/^zh\b/i.test(navigator.language) ? 'en-US' : 'zh-CN'
}

export const prefs = reactive({
  theme: one<Theme>(kept('theme'), ['light', 'dark', 'system'], 'system'),
  language: one<Language>(kept('language'), ['zh-CN', 'en-US'], languageOfBrowser()),
  density: one<Density>(kept('density'), ['normal', 'compact'], 'normal'),
  slim: kept('slim') === 'yes',
})

export function applyTheme(): void {
  const dark = prefs.theme === 'dark' || (prefs.theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-theme', dark ? 'dark' : 'light')
}

/** Called once by the app: writes changes down and follows the system's theme. */
export function startPrefs(): void {
  watch(() => prefs.theme, (theme) => keep('theme', theme))
  watch(() => prefs.language, (language) => keep('language', language))
  watch(() => prefs.density, (density) => keep('density', density))
  watch(() => prefs.slim, (slim) => keep('slim', slim ? 'yes' : 'no'))
  watch(() => prefs.theme, applyTheme, { immediate: true })
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme)
}
