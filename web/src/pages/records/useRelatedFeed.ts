/** Tells when a record that belongs to this one has come, gone or changed: by the lists that there are, nothing is polled. */
import { onScopeDispose, watch } from 'vue'
import type { FormSummary } from '@/base/contract'
import { useForms } from '@/base/forms'
import { live, type Subscription } from '@/base/live'

/** Those at the top of each list are followed, and how many there are in all. */
const WINDOW = 100

export interface RelatedForm {
  form: string
  label: string
  /** The field that names the record. */
  field: string
}

/** What a form says of the fields by which its records name others; without it, of the one that they belong to. */
type Naming = FormSummary & { references?: { form: string; field: string }[] }
const namedBy = (one: Naming) => one.references ?? (one.parent ? [one.parent] : [])

/** The forms whose records belong or refer to those of this one, as far as the person may list them. */
export function relatedForms(forms: ReturnType<typeof useForms>, key: string): RelatedForm[] {
  return forms.list.filter((one) => one.can.includes('list')).flatMap((one) => namedBy(one).filter((name) => name.form === key).map((name) => ({ form: one.key, label: one.label, field: name.field })))
}

export function useRelatedFeed(related: () => RelatedForm[], id: string, changed: () => void): void {
  let subscriptions: Subscription[] = []

  function close(): void {
    for (const one of subscriptions) one.close()
    subscriptions = []
  }

  function follow({ form, field }: RelatedForm): Subscription {
    let known = false
    return live.subscribe(
      { kind: 'records', form, filter: { field, op: 'eq', value: id }, count: true, range: [0, WINDOW] },
      {
        // The first one is what the time line has asked for itself.
        snapshot() {
          if (known) changed()
          known = true
        },
        delta: changed,
      },
    )
  }

  watch(
    () => related().map((one) => `${one.form} ${one.field}`).join(),
    () => {
      close()
      subscriptions = related().map(follow)
    },
    { immediate: true },
  )
  onScopeDispose(close)
}
