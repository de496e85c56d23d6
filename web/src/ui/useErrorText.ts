/** The words for what went wrong: by key where we have them, else as the server said it. */
import { useI18n } from 'vue-i18n'
import type { FieldFault } from '@/base/contract'
import type { ApiError } from '@/base/problem'

export function useErrorText() {
  const { t, te } = useI18n()

  const errorTitle = (error: ApiError): string =>
    te(`error.${error.key}`) ? t(`error.${error.key}`) : error.title || t('error.internal')

  /** What to do about it; empty where the title says all. */
  const errorHelp = (error: ApiError): string => {
    if (error.status === 429 && error.retryAfter > 0) return t('help.wait', { n: error.retryAfter })
    return te(`help.${error.key}`) ? t(`help.${error.key}`) : t('help.internal')
  }

  const faultText = (fault: FieldFault): string => {
    const key = `fault.${fault.code}`
    if (fault.code === 'pattern' && fault.message) return fault.message // the definition's own words
    const needsLimit = fault.limit === undefined || fault.limit === null
    if (te(key) && !(needsLimit && NEED_LIMIT.has(fault.code))) return t(key, { limit: fault.limit ?? '' })
    return fault.message || t('fault.bad_value')
  }

  /** How to mend it, where that is not plain from what is wrong. */
  const faultHint = (code: string): string => (te(`hint.${code}`) ? t(`hint.${code}`) : '')

  return { errorTitle, errorHelp, faultText, faultHint }
}

const NEED_LIMIT = new Set(['wrong_type', 'too_long', 'too_short', 'too_small', 'too_large', 'too_many', 'too_precise', 'too_deep', 'too_early', 'too_late'])
