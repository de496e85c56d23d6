/** Whether a media query holds, as a ref. One listener a component; gone with it. */
import { onScopeDispose, ref, type Ref } from 'vue'

export function useMedia(query: string): Ref<boolean> {
  const list = matchMedia(query)
  const holds = ref(list.matches)
  const changed = () => (holds.value = list.matches)
  list.addEventListener('change', changed)
  onScopeDispose(() => list.removeEventListener('change', changed))
  return holds
}

export const NARROW = '(max-width: 640px)'
