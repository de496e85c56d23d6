/** The rights of a form while they are edited: what is saved, what is meant, the way back and forth between drafts. */
import { computed, ref, shallowRef, type Ref } from 'vue'
import { admin, type Grant, type Level, type Matrix } from '@/base/admin'
import { unsaved } from '@/base/drafts'
import { asApiError, type ApiError } from '@/base/problem'
import { addGrant, changesOf, draftOf, dropGrant, levelOf, mapGrants, REST, withAction, withLevel, withMask, type Draft } from './matrix'

/** A row of the matrix: an action, or a field (`*`: those that are not named). */
export interface Line {
  kind: 'action' | 'field'
  key: string
}
export interface Place extends Line {
  uid: string
}

export function useMatrix(form: Ref<string>) {
  const matrix = shallowRef<Matrix | null>(null)
  const saved = shallowRef<Draft>([])
  const draft = shallowRef<Draft>([])
  const past = shallowRef<Draft[]>([])
  const future = shallowRef<Draft[]>([])
  const error = shallowRef<ApiError | null>(null)
  const loading = ref(false)
  let serial = 0

  async function load(): Promise<void> {
    loading.value = true
    error.value = null
    const wanted = form.value
    try {
      const found = await admin.matrix(wanted)
      if (wanted !== form.value) return
      // Words in another language are no reason to lose what was changed.
      if (matrix.value?.version === found.version && matrix.value.form === found.form) relabel(found)
      else if (!dirty.value) take(found)
      // Saved by somebody else meanwhile: found out when one saves, and put together then.
    } catch (failure) {
      if (wanted === form.value) error.value = asApiError(failure)
    } finally {
      loading.value = false
    }
  }

  function take(found: Matrix): void {
    matrix.value = found
    saved.value = draft.value = draftOf(found)
    past.value = future.value = []
  }

  function relabel(found: Matrix): void {
    const titles = new Map(found.roles.map((role) => [role.id, role.title]))
    const again = (one: Draft) => one.map((role) => ({ ...role, title: titles.get(role.id) ?? role.title }))
    matrix.value = found
    saved.value = again(saved.value)
    draft.value = again(draft.value)
    past.value = past.value.map(again)
    future.value = future.value.map(again)
  }

  function put(next: Draft): void {
    if (next === draft.value) return
    past.value = [...past.value, draft.value]
    future.value = []
    draft.value = next
  }

  function undo(): void {
    const before = past.value[past.value.length - 1]
    if (!before) return
    future.value = [draft.value, ...future.value]
    past.value = past.value.slice(0, -1)
    draft.value = before
  }

  function redo(): void {
    const [after, ...rest] = future.value
    if (!after) return
    past.value = [...past.value, draft.value]
    future.value = rest
    draft.value = after
  }

  const fieldOf = (key: string) => matrix.value?.fields.find((field) => field.key === key)

  function cellGrant(grant: Grant, line: Line, value: Level | boolean): Grant {
    if (line.kind === 'action') return typeof value === 'boolean' ? withAction(grant, line.key, value) : grant
    if (typeof value === 'boolean') return grant
    const field = fieldOf(line.key)
    return withLevel(grant, line.key, value === 'write' && field?.automatic && !grant.deny ? 'read' : value)
  }

  /** One step for all of these places, and one step back. */
  function set(places: Place[], value: Level | boolean): void {
    put(mapGrants(draft.value, (grant, uid) => places.filter((place) => place.uid === uid).reduce((one, place) => cellGrant(one, place, value), grant)))
  }

  const change = (uid: string, make: (grant: Grant) => Grant) => put(mapGrants(draft.value, (grant, at) => (at === uid ? make(grant) : grant)))
  const setMask = (uid: string, key: string, mask: string | null) => change(uid, (grant) => withMask(grant, key, mask))
  const drop = (uid: string) => put(dropGrant(draft.value, uid))

  function add(roleId: string, grant: Grant): string {
    const uid = `n${++serial}`
    put(addGrant(draft.value, roleId, { uid, grant }))
    return uid
  }

  const giveUp = () => put(saved.value)

  /** After a merge: another saved state, and a draft on top of it. */
  function rebase(found: Matrix, base: Draft, next: Draft): void {
    matrix.value = found
    saved.value = base
    draft.value = next
    past.value = future.value = []
  }

  const changes = computed(() => (matrix.value ? changesOf(saved.value, draft.value, matrix.value.fields) : []))
  const dirty = computed(() => changes.value.length > 0)
  const savedGrants = computed(() => new Map(saved.value.flatMap((role) => role.columns.map((column) => [column.uid, column.grant] as const))))
  const shown = computed(() => draft.value.filter((role) => role.columns.length > 0))
  const unused = computed(() => draft.value.filter((role) => role.columns.length === 0 && !role.administrator))

  /** What stood at a place when it was saved; null where the grant is new. */
  function before(place: Place): Level | boolean | null {
    const grant = savedGrants.value.get(place.uid)
    if (!grant) return null
    return valueOf(grant, place)
  }

  function valueOf(grant: Grant, line: Line): Level | boolean {
    if (line.kind === 'action') return grant.actions.includes(line.key)
    return levelOf(grant, line.key === REST ? REST : (fieldOf(line.key) ?? REST))
  }

  const watchUnsaved = () => (unsaved.value = dirty.value)

  return {
    matrix, saved, draft, past, future, error, loading, changes, dirty, shown, unused, load, take, undo, redo, set, setMask, change, drop, add, giveUp, rebase,
    before, valueOf, fieldOf, watchUnsaved,
  }
}

export type MatrixState = ReturnType<typeof useMatrix>
