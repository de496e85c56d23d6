/**
 * One record on the screen: read, edit in place, save what changed. What was typed survives every failure; it goes
 * only when it has been saved, or was put back on purpose (and even then there is an undo).
 */
import { computed, ref, shallowReactive, shallowRef, watch, type Ref } from 'vue'
import { call } from '@/base/api'
import type { Clash, Field, Form, Item, Value, Values } from '@/base/contract'
import { useForms } from '@/base/forms'
import { whenLive } from '@/base/link'
import { recordSaved } from '@/base/lists'
import { ownWrite } from '@/base/own'
import { ApiError, asApiError } from '@/base/problem'
import { useSession } from '@/base/session'
import { checkField, requestValue, titleOf, type Fault } from '@/fields'
import { prefilled } from './prefilled'
import { useDraft } from './useDraft'
import { useRecordFeed } from './useRecordFeed'

/** A channel that has not told anything so long will not. */
const FEED_MS = 4000

export type SaveResult = 'saved' | 'unchanged' | 'refused'

export function useRecord(formKey: Ref<string>, id: Ref<string | null>) {
  const forms = useForms()
  const session = useSession()

  const form = shallowRef<Form | null>(null)
  /** The newest state that is known; null also where the record has gone out of sight. */
  const item = shallowRef<Item | null>(null)
  const gone = ref(false)
  const loadError = shallowRef<ApiError | null>(null)
  const editing = ref(false)
  const saving = ref(false)
  const faults = shallowReactive<Record<string, Fault & { message?: string }>>({})
  const problem = shallowRef<ApiError | null>(null)
  const clashes = shallowRef<Clash[]>([])
  /** What a new record begins with, beyond what is one's own. */
  const start = shallowRef<Values>({})
  const draft = useDraft(formKey, id, item)
  const { changed, valueOf } = draft

  let waiting: ((ready: boolean) => void) | null = null
  const feed = useRecordFeed({
    item(found) {
      item.value = found
      gone.value = false
      loadError.value = null
      settleWait(true)
    },
    gone() {
      if (item.value) {
        gone.value = true
        item.value = null
        clashes.value = []
      } else if (!gone.value) loadError.value = new ApiError({ type: 'not_found', status: 404 })
      settleWait(true)
    },
    failed(error) {
      if (!item.value && !error.passing) loadError.value = error
      settleWait(!error.passing)
    },
  })

  function settleWait(ready: boolean): void {
    waiting?.(ready)
    waiting = null
  }

  // Labels come in the reader's language: the store holds the newest definition.
  watch(() => forms.byKey.get(formKey.value), (newest) => newest && form.value && (form.value = newest))

  const creating = computed(() => id.value === null)
  const path = () => `/forms/${encodeURIComponent(formKey.value)}/records`
  const title = computed(() => (form.value ? titleOf(form.value.fields, form.value.title_field, item.value?.fields ?? {}) : ''))
  const isChanged = (key: string) => changed.value.includes(key)
  const dirty = computed(() => editing.value && draft.touched.value)
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
      if (wanted !== id.value) return
      if (wanted !== null && !(await fed(wanted))) await read(wanted)
    } catch (error) {
      if (wanted === id.value) loadError.value = asApiError(error)
    }
    if (wanted !== id.value) return
    if (!loadError.value) resume()
    else if (loadError.value.status === 404 && draft.resume()) {
      // It went while what was typed into it waited.
      loadError.value = null
      editing.value = gone.value = true
    }
  }

  /** Lets the channel tell the record; false where it does not. It stays open, for the socket may come later. */
  async function fed(wanted: string): Promise<boolean> {
    const isLive = await whenLive()
    if (wanted !== id.value) return true
    const told = new Promise<boolean>((resolve) => (waiting = resolve))
    feed.open(formKey.value, wanted)
    if (!isLive) settleWait(false)
    const timer = setTimeout(() => settleWait(false), FEED_MS)
    return told.finally(() => clearTimeout(timer))
  }

  async function read(wanted: string): Promise<void> {
    const found = await call<Item>(`${path()}/${encodeURIComponent(wanted)}`)
    if (wanted === id.value && !item.value) item.value = found
  }

  /** Goes on with what was typed before the page was left. */
  function resume(): void {
    if (editing.value) return
    if (creating.value) draft.give({ ...prefilled((form.value?.fields ?? []).filter(writable), session.user), ...start.value })
    if (draft.resume() || creating.value) editing.value = true
  }

  function wipe(): void {
    draft.wipe()
    for (const key of Object.keys(faults)) delete faults[key]
    problem.value = null
    clashes.value = []
  }

  function set(key: string, value: Value): void {
    draft.set(key, value)
    delete faults[key]
  }

  /** Says what is wrong as soon as a field is left, but not that something is missing: one may be on the way to it. */
  function checkOne(field: Field): void {
    draft.left(field.key)
    const fault = isChanged(field.key) ? checkField(field, valueOf(field.key)) : null
    if (fault && fault.code !== 'required') faults[field.key] = fault
  }

  function begin(): void {
    wipe()
    editing.value = true
  }

  /** Leaves editing; hands back what was typed, for the undo. */
  function leave(): { values: Values; base: Values } {
    const typed = changed.value.length > 0 ? { values: { ...draft.typed }, base: { ...draft.base } } : { values: {}, base: {} }
    wipe()
    draft.discard()
    editing.value = false
    return typed
  }

  function restore(typed: { values: Values; base: Values }): void {
    Object.assign(draft.typed, typed.values)
    Object.assign(draft.base, typed.base)
    editing.value = true
    draft.persist()
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
    if (saving.value || !form.value || gone.value) return 'refused'
    problem.value = null
    clashes.value = []
    if (!check()) return 'refused'
    if (!creating.value && changed.value.length === 0) {
      leave()
      return 'unchanged'
    }
    // What somebody else has changed meanwhile is known already: no need to ask the server first.
    clashes.value = draft.disputed.value.filter((clash) => isChanged(clash.field))
    if (clashes.value.length > 0) return 'refused'
    saving.value = true
    try {
      const saved = await ownWrite(formKey.value, id.value, sendMerged)
      if (saved === null) return 'refused'
      if (feed.isNewer(saved)) item.value = saved
      leave()
      recordSaved(formKey.value, saved)
      created.value = creating.value ? saved.id : null
      return 'saved'
    } catch (error) {
      refused(asApiError(error))
      return 'refused'
    } finally {
      saving.value = false
    }
  }

  /** The record that was just created here. */
  const created = ref<string | null>(null)

  function send(version: string): Promise<Item> {
    const byKey = new Map(form.value?.fields.map((field) => [field.key, field]))
    const fields: Record<string, unknown> = {}
    for (const key of changed.value) {
      const field = byKey.get(key)
      if (field) fields[key] = requestValue(field, draft.typed[key])
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
      item.value = await newestItem()
      clashes.value = draft.disputed.value.filter((clash) => isChanged(clash.field))
      return clashes.value.length > 0 ? null : send(item.value.version)
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
    const decided = clashes.value.map((clash) => clash.field)
    try {
      item.value = await newestItem()
    } catch (error) {
      problem.value = asApiError(error)
      return 'refused'
    }
    for (const key of decided) {
      if (theirs.includes(key)) draft.takeTheirs(key)
      else draft.keepMine(key)
    }
    clashes.value = []
    const result = await save()
    if (result === 'unchanged' && item.value) recordSaved(formKey.value, item.value)
    return result
  }

  /** For another record on the same page. */
  function clear(): void {
    feed.close()
    wipe()
    editing.value = false
    item.value = null
    gone.value = false
    loadError.value = null
    created.value = null
  }

  const groups = computed(() => {
    if (!form.value) return []
    const known = new Set(form.value.groups.map((group) => group.key))
    const rest = form.value.fields.filter((field) => field.group === null || !known.has(field.group))
    const grouped = form.value.groups.map((group) => ({ ...group, fields: form.value!.fields.filter((field) => field.group === group.key) }))
    return [...grouped, { key: '', label: '', fields: rest }].filter((group) => group.fields.length > 0)
  })

  return {
    start,
    form, item, gone, groups, title, loadError, editing, saving, creating, created, faults, problem, clashes, changed, dirty, mayEdit,
    draft, feed, writable, valueOf, load, set, checkOne, begin, leave, restore, save, settle, clear,
  }
}

export type RecordState = ReturnType<typeof useRecord>
