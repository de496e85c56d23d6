/** The forms that the person may see, and their definitions as far as they were asked for, in the reader's language. */
import { defineStore } from 'pinia'
import { ref, shallowReactive } from 'vue'
import { call } from './api'
import type { Form, FormSummary, Page } from './contract'

export const useForms = defineStore('forms', () => {
  const list = ref<FormSummary[]>([])
  const loaded = ref(false)
  const byKey = shallowReactive(new Map<string, Form>())
  const under = new Map<string, Promise<Form>>()

  async function loadList(): Promise<void> {
    list.value = (await call<Page<FormSummary>>('/forms')).items
    loaded.value = true
  }

  /** The definition; asked once, whoever needs it. */
  function load(key: string): Promise<Form> {
    const known = byKey.get(key)
    if (known) return Promise.resolve(known)
    let asked = under.get(key)
    if (!asked) {
      asked = call<Form>(`/forms/${encodeURIComponent(key)}`)
        .then((form) => {
          byKey.set(key, form)
          return form
        })
        .finally(() => under.delete(key))
      under.set(key, asked)
    }
    return asked
  }

  /** The definition or one's rights have changed. A form that is not to be seen any more stays until it is left. */
  async function renew(key: string): Promise<void> {
    if (byKey.has(key)) byKey.set(key, await call<Form>(`/forms/${encodeURIComponent(key)}`))
  }

  /** Labels come from the server: after a change of language all that is on the screen is asked again. */
  async function reload(): Promise<void> {
    const keys = [...byKey.keys()]
    under.clear()
    const fresh = await Promise.all(keys.map((key) => call<Form>(`/forms/${encodeURIComponent(key)}`)))
    for (const form of fresh) byKey.set(form.key, form)
    if (loaded.value) await loadList()
  }

  function forget(): void {
    list.value = []
    loaded.value = false
    byKey.clear()
    under.clear()
  }

  return { list, loaded, byKey, loadList, load, renew, reload, forget }
})
