/**
 * What was typed into a record, beside what stands there: both may change. A field is one's own from the first
 * keystroke; one that somebody else changes meanwhile is marked, never overwritten, until one has taken theirs or kept
 * one's own.
 */
import { computed, ref, shallowReactive, type Ref } from 'vue'
import type { Clash, Item, Value, Values } from '@/base/contract'
import { dropDraft, findDraft, keepDraft } from '@/base/drafts'
import { sameValue } from '@/fields'

const PAUSE_MS = 250

export function useDraft(form: Ref<string>, id: Ref<string | null>, item: Ref<Item | null>) {
  const typed = shallowReactive<Values>({})
  /** What stood there when the person began to type. */
  const base = shallowReactive<Values>({})
  /** What a new record began with. */
  const given: Values = {}
  /** The field that the cursor is in, with the value that it found. */
  const held = ref<{ key: string; value: Value } | null>(null)
  let pause: ReturnType<typeof setTimeout> | undefined

  const stands = (key: string): Value => item.value?.fields[key] ?? null
  const isTyped = (key: string) => key in typed && (!(key in base) || !sameValue(typed[key], base[key]))
  const valueOf = (key: string): Value => (key in typed ? (typed[key] ?? null) : held.value?.key === key ? held.value.value : stands(key))
  const changed = computed(() => Object.keys(typed).filter((key) => isTyped(key) && !sameValue(typed[key], stands(key))))
  /** Something was typed; what a new record began with does not count. */
  const touched = computed(() => changed.value.some((key) => !sameValue(typed[key], given[key])))

  /** Fields in hand that somebody else has changed meanwhile. */
  const disputed = computed<Clash[]>(() => {
    if (!item.value) return []
    const own = changed.value
      .filter((key) => key in base && !sameValue(stands(key), base[key]))
      .map((key) => ({ field: key, base: base[key] ?? null, theirs: stands(key), yours: typed[key] ?? null }))
    const under = held.value
    if (!under || under.key in typed || sameValue(stands(under.key), under.value)) return own
    return [...own, { field: under.key, base: under.value, theirs: stands(under.key), yours: under.value }]
  })

  function set(key: string, value: Value): void {
    if (!(key in typed)) base[key] = held.value?.key === key ? held.value.value : stands(key)
    typed[key] = value
    clearTimeout(pause)
    pause = setTimeout(persist, PAUSE_MS)
  }

  function drop(key: string): void {
    delete typed[key]
    delete base[key]
  }

  function enter(key: string): void {
    if (held.value?.key !== key) held.value = { key, value: valueOf(key) }
  }

  function left(key: string): void {
    if (held.value?.key === key) held.value = null
    // Typed back to what it was: as if it had never been touched.
    if (key in typed && !(key in given) && !isTyped(key)) drop(key)
  }

  function takeTheirs(key: string): void {
    drop(key)
    if (held.value?.key === key) held.value = { key, value: stands(key) }
  }

  function keepMine(key: string): void {
    if (!(key in typed)) typed[key] = valueOf(key)
    base[key] = stands(key)
  }

  function persist(): void {
    clearTimeout(pause)
    if (touched.value) keepDraft({ form: form.value, id: id.value, values: { ...typed }, base: { ...base } })
    else dropDraft(form.value, id.value)
  }

  /** Goes on with what was typed before the page was left, or loaded anew. */
  function resume(): boolean {
    const found = findDraft(form.value, id.value)
    if (!found) return false
    Object.assign(typed, found.values)
    Object.assign(base, found.base)
    return true
  }

  function give(values: Values): void {
    Object.assign(given, values)
    Object.assign(typed, values)
  }

  /** Everything typed is gone from the page; what is kept of it elsewhere stays. */
  function wipe(): void {
    clearTimeout(pause)
    for (const key of Object.keys(typed)) delete typed[key]
    for (const key of Object.keys(base)) delete base[key]
    for (const key of Object.keys(given)) delete given[key]
    held.value = null
  }

  return {
    typed, base, changed, touched, disputed, valueOf, set, enter, left, takeTheirs, keepMine, persist, resume, give, wipe,
    discard: () => dropDraft(form.value, id.value),
  }
}
