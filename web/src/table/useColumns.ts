/** The columns of one form as one person has arranged them. */
import { computed, shallowRef, watch, type ComputedRef, type Ref } from 'vue'
import { clampWidth, keepLayout, keptLayout, layoutOf, moveColumn, type ColumnLayout } from '@/base/columns'
import type { Field, Form } from '@/base/contract'
import { kindOf, type Kind } from '@/fields'

export interface Column {
  key: string
  label: string
  field: Field
  kind: Kind
  width: number
  /** The leading column: it stays at the left edge and can be neither moved nor hidden. */
  first: boolean
  hidden: boolean
}

export interface Columns {
  all: ComputedRef<Column[]>
  shown: ComputedRef<Column[]>
  /** Widths as custom properties: dragging an edge changes one of them and repaints no row. */
  style: ComputedRef<Record<string, string>>
  resize(key: string, width: number): void
  move(key: string, target: string, after: boolean): void
  moveBy(key: string, step: number): void
  setHidden(key: string, hidden: boolean): void
  reset(): void
}

/** The field that tells the state a record is in: the choice with the most colours. */
export function stateField(fields: Field[]): Field | undefined {
  const colours = (field: Field) => new Set(field.options?.map((option) => option.color).filter(Boolean)).size
  return fields.filter((field) => kindOf(field).state && colours(field) > 1).sort((a, b) => colours(b) - colours(a))[0]
}

export const widthName = (key: string) => `--w-${key}`

export function useColumns(form: Ref<Form | null>, person: Ref<string>): Columns {
  const layout = shallowRef<ColumnLayout>({ order: [], hidden: [], widths: {} })

  /** In the order of the definition; but the state, which one looks for first, stands right beside what names the record. */
  const keys = () => {
    const fields = form.value?.fields ?? []
    const state = stateField(fields)
    const others = fields.filter((field) => field !== state || field.key === first())
    const named = Math.max(...others.map((field, at) => (field.key === first() || field.type === 'auto_number' ? at : -1)))
    if (state && others.length < fields.length) others.splice(named + 1, 0, state)
    return others.map((field) => field.key)
  }
  const first = () => form.value?.title_field ?? ''
  const aside = () => (form.value?.fields ?? []).filter((field) => kindOf(field).asideInLists).map((field) => field.key)

  watch(
    [form, person],
    () => {
      if (form.value) layout.value = keptLayout(person.value, form.value.key, keys(), first(), aside())
    },
    { immediate: true },
  )

  function change(next: Partial<ColumnLayout>): void {
    if (!form.value) return
    layout.value = { ...layout.value, ...next }
    keepLayout(person.value, form.value.key, layout.value)
  }

  const all = computed<Column[]>(() => {
    const byKey = new Map(form.value?.fields.map((field) => [field.key, field]))
    const hidden = new Set(layout.value.hidden)
    return layout.value.order.flatMap((key) => {
      const field = byKey.get(key)
      if (!field) return []
      const kind = kindOf(field)
      const width = layout.value.widths[key] ?? clampWidth(field.default_width || kind.width)
      return [{ key, label: field.label, field, kind, width, first: key === first(), hidden: hidden.has(key) }]
    })
  })
  const shown = computed(() => all.value.filter((column) => !column.hidden))
  const style = computed(() => Object.fromEntries(shown.value.map((column) => [widthName(column.key), `${column.width}px`])))

  return {
    all,
    shown,
    style,
    resize: (key, width) => change({ widths: { ...layout.value.widths, [key]: clampWidth(width) } }),
    move: (key, target, after) => change({ order: moveColumn(layout.value.order, key, target, after) }),
    moveBy(key, step) {
      const list = shown.value
      const target = list[list.findIndex((column) => column.key === key) + step]
      if (target && !target.first) change({ order: moveColumn(layout.value.order, key, target.key, step > 0) })
    },
    setHidden(key, hidden) {
      const rest = layout.value.hidden.filter((one) => one !== key)
      change({ hidden: hidden && key !== first() ? [...rest, key] : rest })
    },
    reset: () => change(layoutOf(null, keys(), first(), aside())),
  }
}
