/**
 * Administration of people and rights: its shapes, and its way to the server. The three administrators stay three
 * people; the server has the last word, what stands here only says so before a round trip.
 */
import { call, query, type CallOptions } from './api'
import type { FieldFault, Filter, Option, Page, Ref } from './contract'

export interface Account {
  id: string
  login: string
  name: string
  department: Ref | null
  disabled: boolean
  roles: Ref[]
  rights: string[]
  version: string
}

/** What is told once, when an account is made or its password reset. */
export interface FirstPassword {
  person: Account
  password: string
  until: string
}

/** A department as its administrator sees it; one that is retired stays for the records that name it. */
export interface Place {
  id: string
  key: string
  title: string
  parent: string | null
  /** Among those of its parent, from 0. */
  place: number
  retired: boolean
  /** Accounts in use in it, those below not counted. */
  people: number
  version: string
}

export interface Role {
  id: string
  key: string
  title: string
  name: { zh: string; en: string }
  rights: string[]
  people: number
  forms: string[]
  version: string
}

export interface RightsForm {
  key: string
  label: string
  roles: number
  version: string
}

export const LEVELS = ['hidden', 'masked', 'read', 'write'] as const
export type Level = (typeof LEVELS)[number]

export type Rule = 'all' | 'owner' | 'department' | 'subtree' | 'condition' | 'parent'

export interface Grant {
  rule: Rule
  condition: Filter | null
  deny: boolean
  actions: string[]
  fields: Record<string, Level>
  masks: Record<string, string>
  /** The condition does not fit the form any more: the grant gives nothing, or, where it takes away, does so on every record. */
  broken?: FieldFault
}

export interface MatrixField {
  key: string
  label: string
  type: string
  group: string | null
  mask: string | null
  automatic: boolean
  options: Option[]
}

export interface MatrixRole {
  id: string
  key: string
  title: string
  people: number
  administrator: boolean
  grants: Grant[]
}

export interface Matrix {
  form: string
  label: string
  version: string
  groups: { key: string; label: string }[]
  fields: MatrixField[]
  actions: string[]
  levels: Level[]
  rules: Rule[]
  masks: string[]
  roles: MatrixRole[]
  /** By whom and when the rights of this form were changed last, as far as the log tells. */
  changed: { by: Ref | null; at: string } | null
}

/** The duties that nobody may hold two of, by their rights. What is not named here is free for all. */
const DUTY: Record<string, string> = { 'users.manage': 'system', 'system.manage': 'system', 'rights.manage': 'rights', 'audit.read': 'audit' }

/** The duties that these rights make up. */
export function dutiesOf(rights: Iterable<string>): string[] {
  return [...new Set([...rights].map((right) => DUTY[right]).filter((duty) => duty !== undefined))]
}

/** Whether the roles together would give one person two duties, or a duty and customers' data. */
export function clashOf(roles: Pick<Role, 'rights' | 'forms'>[]): 'none' | 'duties' | 'forms' {
  const duties = dutiesOf(roles.flatMap((role) => role.rights))
  if (duties.length > 1) return 'duties'
  return duties.length === 1 && roles.some((role) => role.forms.length > 0) ? 'forms' : 'none'
}

/** What a matrix that is not saved yet would change, in people. */
export interface Preview {
  version: string
  people: number
  affected: number
  gain: number
  lose: number
  rows: number
  mask: number
  changes: { kind: 'action' | 'field'; key: string; label: string; change: 'gain' | 'lose' | 'rows' | 'mask'; from: Level | null; to: Level | null; people: number }[]
}

interface Explained {
  label: string
  person: Ref
  disabled: boolean
  can: string[]
}

/** What a person has of a form, shown on made-up records. */
export interface ViewAs extends Explained {
  fields: { key: string; label: string; access: Level }[]
  samples: { mine: boolean; place: 'department' | 'below' | 'elsewhere'; conditions: boolean; can: string[]; fields: { key: string; label: string; level: Level; shown: string | null }[] }[]
}

export interface Why extends Explained {
  record: string | null
  field: string | null
  level: Level | null
  mask: string | null
  grants: { role: Ref; grant: Grant; holds: boolean | null; level: Level | null }[]
  /** Where records belong to others: what he has of those. */
  parent: { form: string; label: string; grants: { role: Ref; grant: Grant; holds: boolean | null }[] } | null
}

export interface MatrixBody {
  roles: { id: string; grants: Grant[] }[]
}

export interface PeopleFilter {
  q: string
  role: string
  department: string
  disabled: string
}

const form = (key: string) => `/forms/${encodeURIComponent(key)}/rights`
const json = (method: 'POST' | 'PUT' | 'PATCH', body: unknown, version?: string): CallOptions => ({ method, body, ...(version === undefined ? {} : { headers: { 'If-Match': version } }) })

export const admin = {
  people: (filter: Partial<PeopleFilter> & { after?: string | null; limit?: number }, signal?: AbortSignal) => call<Page<Account>>(`/people${query(filter)}`, { signal }),
  person: (id: string, signal?: AbortSignal) => call<Account>(`/people/${encodeURIComponent(id)}`, { signal }),
  changePerson: (id: string, version: string, changes: { roles?: string[]; name?: string; department?: string | null; disabled?: boolean }) =>
    call<Account>(`/people/${encodeURIComponent(id)}`, json('PATCH', changes, version)),
  addPerson: (body: { login: string; name: string; department: string | null }) => call<FirstPassword>('/people', json('POST', body)),
  resetPassword: (id: string) => call<FirstPassword>(`/people/${encodeURIComponent(id)}/password`, json('POST', {})),
  organisation: () => call<{ items: Place[] }>('/organisation'),
  addDepartment: (body: { key: string; title: string; parent: string | null }) => call<Place>('/departments', json('POST', body)),
  changeDepartment: (id: string, version: string, body: { title?: string; parent?: string | null; place?: number; retired?: boolean }) => call<Place>(`/departments/${encodeURIComponent(id)}`, json('PATCH', body, version)),
  roles: () => call<{ items: Role[]; rights: string[] }>('/roles'),
  addRole: (body: { key: string; name: { zh: string; en: string }; rights: string[] }) => call<Role>('/roles', json('POST', body)),
  changeRole: (id: string, version: string, body: { name: { zh: string; en: string }; rights: string[] }) => call<Role>(`/roles/${encodeURIComponent(id)}`, json('PATCH', body, version)),
  forms: () => call<{ items: RightsForm[] }>('/rights'),
  matrix: (key: string) => call<Matrix>(form(key)),
  view: (key: string, person: string) => call<ViewAs>(`${form(key)}/view${query({ person })}`),
  why: (key: string, person: string, record: string, field: string) => call<Why>(`${form(key)}/why${query({ person, record, field })}`),
  preview: (key: string, body: MatrixBody) => call<Preview>(`${form(key)}:preview`, json('POST', body)),
  saveMatrix: (key: string, version: string, body: MatrixBody) => call<Matrix>(form(key), json('PUT', body, version)),
}
