/** Short messages that go by themselves, with one thing to do about it (undo, mostly). */
import { shallowReactive } from 'vue'

export interface Toast {
  id: number
  text: string
  kind: 'good' | 'plain' | 'bad'
  action?: { label: string; run: () => void }
}

export const toasts = shallowReactive<Toast[]>([])

let last = 0
const STAY_MS = 4000
const STAY_WITH_ACTION_MS = 9000

export function showToast(text: string, options: Partial<Omit<Toast, 'id' | 'text'>> = {}): void {
  // The same words twice are one message.
  const same = toasts.findIndex((one) => one.text === text && !one.action)
  if (same >= 0) toasts.splice(same, 1)
  const toast: Toast = { id: ++last, text, kind: 'plain', ...options }
  toasts.push(toast)
  if (toasts.length > 3) toasts.shift()
  setTimeout(() => dropToast(toast.id), toast.action ? STAY_WITH_ACTION_MS : STAY_MS)
}

export function dropToast(id: number): void {
  const at = toasts.findIndex((toast) => toast.id === id)
  if (at >= 0) toasts.splice(at, 1)
}

export function dropToasts(): void {
  toasts.splice(0)
}
