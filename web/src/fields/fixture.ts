/** A field as the server describes one, for the tests of the kinds. */
import type { Field } from '@/base/contract'

export function fieldOf(type: string, more: Partial<Field> = {}): Field {
  return {
    key: 'f', type, label: 'F', required: false, unique: false, access: 'write', group: null, sortable: false, searchable: false, ...more,
  }
}

export const STAGES = [
  { key: 'lead', label: '新线索', color: 'gray' },
  { key: 'won', label: '成交客户', color: 'green' },
  { key: 'old', label: '旧阶段', color: 'red', retired: true },
]
