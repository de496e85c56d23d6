/** What a list is asked: search, order and filter. They stand in the address, so that it can be sent to a colleague. */
import { computed, ref, watch } from 'vue'
import { useRoute, useRouter, type LocationQuery } from 'vue-router'
import { query } from '@/base/api'
import type { Filter } from '@/base/contract'
import { parseFilter } from '@/fields/conditions/condition'

interface Wanted {
  q: string
  sort: string
  filter: string
  /** `board`: by state, side by side. */
  view: string
}

const NAMES = ['q', 'sort', 'filter', 'view'] as const

function read(given: LocationQuery): Wanted {
  const text = (name: string) => (typeof given[name] === 'string' ? given[name] : '')
  return { q: text('q'), sort: text('sort'), filter: text('filter'), view: text('view') }
}

/** While the page is put aside the address belongs to another one: what was asked last stands. */
export function useListQuery(form: string, isShown: () => boolean, changed: () => void) {
  const route = useRoute()
  const router = useRouter()
  const path = `/forms/${form}`
  const asked = ref(read(route.query))

  const filter = computed<Filter | null>(() => (asked.value.filter === '' ? null : parseFilter(asked.value.filter)))
  /** The address holds something that is no filter. */
  const garbled = computed(() => asked.value.filter !== '' && filter.value === null)

  function ask(next: Partial<Wanted>): void {
    const wanted = { ...asked.value, ...next }
    void router.replace({ path, query: Object.fromEntries(NAMES.filter((name) => wanted[name] !== '').map((name) => [name, wanted[name]])) })
  }

  watch(
    () => route.query,
    (given) => {
      if (!isShown() || route.path !== path) return
      const next = read(given)
      const before = asked.value
      asked.value = next
      if (['q', 'sort', 'filter'].some((name) => next[name as keyof Wanted] !== before[name as keyof Wanted])) changed()
    },
  )

  return {
    asked,
    filter,
    garbled,
    ask,
    setFilter: (wanted: Filter | null) => ask({ filter: wanted ? JSON.stringify(wanted) : '' }),
    address: () => `${path}${query({ ...asked.value })}`,
  }
}
