/**
 * One record on the screen: read, edit in place, save what changed. What was typed survives every failure; it goes
 * only when it has been saved, or was put back on purpose (and even then there is an undo).
 */
import { computed, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { call } from '@/base/api'
import type { Clash, Field, Form, Item, Value, Values } from '@/base/contract'
import { keepDraft, takeDraft } from '@/base/drafts'
import { useForms } from '@/base/forms'
import { recordSaved } from '@/base/lists'
import { ApiError, asApiError } from '@/base/problem'
import { useSession } from '@/base/session'
import { checkField, kindOf, requestValue, sameValue, titleOf, type Fault } from '@/fields'

export type SaveResult = 'saved' | 'unchanged' | 'refused'

export function useRecord(formKey: Ref<string>, id: Ref<string | null>) {
  const forms = useForms()
  const session = useSession()

  const form = shallowRef<Form | null>(null)
  const item = shallowRef<Item | null>(null)
  const loadError = shallowRef<ApiError | null>(null)
  const editing = ref(false)
  const saving = ref(false)
  const draft = shallowReactive<Values>({})
  const given: Values = {}
  const faults = shallowReactive<Record<string, Fault & { message?: string }>>({})
  const problem = shallowRef<ApiError | null>(null)
  const clashes = shallowRef<Clash[]>([])

  // Labels come in the reader's language: the store holds the newest definition.
  watch(() => forms.byKey.get(formKey.value), (newest) => newest && form.value && (form.value = newest))

  const creating = computed(() => id.value === null)
  const path = () => `/forms/${encodeURIComponent(formKey.value)}/records`
  const valueOf = (key: string): Value => (key in draft ? (draft[key] ?? null) : (item.value?.fields[key] ?? null))
  const title = computed(() => (form.value ? titleOf(form.value.fields, form.value.title_field, item.value?.fields ?? {}) : ''))
  const changed = computed(() => Object.keys(draft).filter((key) => !sameValue(draft[key], item.value?.fields[key])))
  const isChanged = (key: string) => changed.value.includes(key)
  /** Something was typed; what a new record began with does not count. */
  const dirty = computed(() => editing.value && changed.value.some((key) => !sameValue(draft[key], given[key])))
  const mayEdit = computed(() => (creating.value ? (form.value?.can.includes('create') ?? false) : (item.value?.can.includes('update') ?? false)))

  /** Whether this person may write this field of this record. */
  function writable(field: Field): boolean {
    if (field.access !== 'write' || field.type === 'auto_number') return false
    return !item.value?.locked.includes(field.key) && !item.value?.masked.includes(field.key)
  }

  async function load(): Promise<void> {
    loadError.value = null
    const wanted = id.value
    try {
      form.value = await forms.load(formKey.value)
      const found = wanted === null ? null : await call<Item>(`${path()}/${encodeURIComponent(wanted)}`)
      if (wanted !== id.value) return
      item.value = found
      resume()
    } catch (error) {
      if (wanted === id.value) loadError.value = asApiError(error)
    }
  }

  /** Goes on with what was typed before the page was left. */
  function resume(): void {
    const left = takeDraft(formKey.value, id.value)
    if (left) {
      Object.assign(draft, left.values)
      if (left.base && item.value) item.value = { ...item.value, version: left.base.version, fields: left.base.fields }
      editing.value = true
    } else if (creating.value) {
      prefill()
      Object.assign(draft, given)
      editing.value = true
    }
  }

  /** A required member or department of a new record begins as one's own. */
  function prefill(): void {
    for (const field of form.value?.fields ?? []) {
      if (!field.required || !writable(field) || !session.user) continue
      if (field.type === 'member') given[field.key] = { id: session.user.id, title: session.user.name }
      if (field.type === 'department') given[field.key] = session.user.department
    }
  }

  /** Puts everything typed aside, for when the page is opened again. */
  function putAside(): void {
    const words = title.value || form.value?.label || ''
    keepDraft({ form: formKey.value, id: id.value, title: words, base: item.value, values: { ...draft } })
  }

  function wipe(): void {
    for (const key of Object.keys(draft)) delete draft[key]
    for (const key of Object.keys(given)) delete given[key]
    for (const key of Object.keys(faults)) delete faults[key]
    problem.value = null
    clashes.value = []
  }

  function set(key: string, value: Value): void {
    draft[key] = value
    delete faults[key]
  }

  /** Says what is wrong as soon as a field is left, but not that something is missing: one may be on the way to it. */
  function checkOne(field: Field): void {
    const fault = isChanged(field.key) ? checkField(field, valueOf(field.key)) : null
    if (fault && fault.code !== 'required') faults[field.key] = fault
  }

  function begin(): void {
    wipe()
    editing.value = true
  }

  /** Leaves editing; hands back what was typed, for the undo. */
  function leave(): Values {
    const typed = { ...draft }
    const worthIt = changed.value.length > 0
    wipe()
    editing.value = false
    return worthIt ? typed : {}
  }

  function restore(values: Values): void {
    Object.assign(draft, values)
    editing.value = true
  }

  function check(): boolean {
    for (const key of Object.keys(faults)) delete faults[key]
    for (const field of form.value?.fields ?? []) {
      if (!writable(field) || !(creating.value || isChanged(field.key))) continue
      const fault = checkField(field, valueOf(field.key))
      if (fault) faults[field.key] = fault
    }
    return Object.keys(faults).length === 0
  }

  async function save(): Promise<SaveResult> {
    if (saving.value || !form.value) return 'refused'
    problem.value = null
    if (!check()) return 'refused'
    if (!creating.value && changed.value.length === 0) {
      leave()
      return 'unchanged'
    }
    saving.value = true
    try {
      const saved = await sendMerged()
      if (saved === null) return 'refused'
      item.value = saved
      leave()
      recordSaved(formKey.value, saved)
      return 'saved'
    } catch (error) {
      refused(asApiError(error))
      return 'refused'
    } finally {
      saving.value = false
    }
  }

  function send(version: string): Promise<Item> {
    const byKey = new Map(form.value?.fields.map((field) => [field.key, field]))
    const fields: Record<string, unknown> = {}
    for (const key of changed.value) {
      const field = byKey.get(key)
      if (field) fields[key] = requestValue(field, draft[key])
    }
    if (creating.value) return call<Item>(path(), { method: 'POST', body: { fields } })
    const headers = { 'If-Match': version }
    return call<Item>(`${path()}/${encodeURIComponent(id.value ?? '')}`, { method: 'PATCH', body: { fields }, headers })
  }

  /**
   * Sends; where the record has moved on and the server found no common base, looks by itself: if nobody else touched
   * our fields the change is sent again upon the newest state, else the person decides (null).
   */
  async function sendMerged(): Promise<Item | null> {
    try {
      return await send(item.value?.version ?? '')
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 412 || creating.value) throw error
      if (error.conflicts.length > 0) {
        clashes.value = error.conflicts.map((clash) => ({ ...clash, yours: valueOf(clash.field) }))
        return null
      }
      const newest = await newestItem()
      const base = item.value?.fields ?? {}
      clashes.value = changed.value
        .filter((key) => !sameValue(newest.fields[key], base[key]))
        .map((key) => ({ field: key, base: base[key] ?? null, theirs: newest.fields[key] ?? null, yours: valueOf(key) }))
      if (clashes.value.length > 0) return null
      item.value = newest
      return send(newest.version)
    }
  }

  const newestItem = () => call<Item>(`${path()}/${encodeURIComponent(id.value ?? '')}`)

  function refused(error: ApiError): void {
    for (const fault of error.faults) {
      const key = fault.field.replace(/^fields\./, '')
      faults[key] = { code: fault.code, limit: fault.limit ?? undefined, message: fault.message }
    }
    problem.value = error
  }

  /** Takes the newest state as the base, lets go of what was decided for them, and saves the rest. */
  async function settle(theirs: string[]): Promise<SaveResult> {
    try {
      item.value = await newestItem()
    } catch (error) {
      problem.value = asApiError(error)
      return 'refused'
    }
    for (const key of theirs) delete draft[key]
    clashes.value = []
    const result = await save()
    if (result === 'unchanged' && item.value) recordSaved(formKey.value, item.value)
    return result
  }

  /** The newest state without losing what is typed; for reading only. */
  async function refresh(): Promise<void> {
    if (editing.value || id.value === null) return
    await load()
  }

  /** For another record on the same page. */
  function clear(): void {
    wipe()
    editing.value = false
    item.value = null
    loadError.value = null
  }

  const groups = computed(() => {
    if (!form.value) return []
    const known = new Set(form.value.groups.map((group) => group.key))
    const rest = form.value.fields.filter((field) => field.group === null || !known.has(field.group))
    const grouped = form.value.groups.map((group) => ({ ...group, fields: form.value!.fields.filter((field) => field.group === group.key) }))
    return [...grouped, { key: '', label: '', fields: rest }].filter((group) => group.fields.length > 0)
  })

  return {
    form, item, groups, title, loadError, editing, saving, creating, faults, problem, clashes, changed, dirty, mayEdit,
    kindOf, writable, valueOf, load, set, checkOne, begin, leave, restore, save, settle, putAside, refresh, clear,
  }
}

export type RecordState = ReturnType<typeof useRecord>
