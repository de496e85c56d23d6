/**
 * The shapes of the HTTP interface that the screens rely on. Ids, totals, money and versions are strings:
 * JavaScript's numbers lose 64-bit integers, and money is never a float.
 */

export interface Ref {
  id: string | null
  title: string | null
}

export interface User {
  id: string
  login: string
  name: string
  roles: string[]
  department: Ref | null
}

export interface Session {
  user: User
  csrf: string
  rights: string[]
  /** Logged in with a first password: nothing is open but choosing one's own. */
  must_change_password?: boolean
  /** How many characters a password of one's own has at least. */
  password_chars?: number
}

export type FormAction = 'create' | 'read' | 'list' | 'update' | 'delete' | 'restore' | 'export'

export interface FormSummary {
  key: string
  label: string
  can: string[]
  /** The form whose records this one's belong to, and the field that names them; null: none, or one that is not seen. */
  parent?: { form: string; field: string } | null
  /** All its fields that name records, as far as the person reads them, with the form that each names. */
  references: { form: string; field: string }[]
}

export type Access = 'write' | 'read' | 'masked'

export interface Option {
  key: string
  label: string
  color?: string | null
  retired?: boolean
}

export interface Field {
  key: string
  type: string
  label: string
  required: boolean
  unique: boolean
  access: Access
  group: string | null
  sortable: boolean
  searchable: boolean
  options?: Option[] | null
  max_length?: number | null
  min?: string | null
  max?: string | null
  scale?: string | number | null
  /** A regular expression that the server asks of the value, and what it says where it is not met. */
  pattern?: string | null
  pattern_message?: string | null
  default_width?: number | null
  /** A reference: the form whose records it names, where the person may see anything of it. */
  form?: string | null
  /** A reference to the record that this one belongs to. */
  parent?: boolean
}

export interface Group {
  key: string
  label: string
}

export interface Form {
  key: string
  label: string
  version: string
  title_field: string
  can: string[]
  groups: Group[]
  fields: Field[]
}

/** A value as it stands in an answer: text, exact number as text, keys, a reference, or nothing. */
export type Value = null | string | number | boolean | string[] | Ref | Ref[]

export type Values = Record<string, Value>

export interface Item {
  id: string
  version: string
  fields: Values
  masked: string[]
  locked: string[]
  can: string[]
  pos?: string
}

/** A record in the recycle bin. */
export interface DeletedItem extends Item {
  deleted_at: string | null
  deleted_by: Ref | null
}

/** A masked value in clear, and until when it may stay on a screen. */
export interface Revealed {
  id: string
  field: string
  value: Value
  until: string
}

export interface HistoryEvent {
  at: string
  actor: Ref | null
  action: string
  changes: { field: string; before: Value; after: Value }[]
}

/** An event of a record, or of one that belongs or refers to it. */
export interface TimelineEvent extends HistoryEvent {
  form: string
  record: Ref
}

/** How long the record was in which state, newest first; null at an end: not known, or still so. */
export interface Stages {
  field: string
  spans: { value: string; from: string | null; until: string | null }[]
}

export interface Timeline extends Page<TimelineEvent> {
  /** Everything that belongs to the record was looked at. */
  whole: boolean
  /** With the first page only. */
  stages?: Stages | null
}

export interface Page<T> {
  items: T[]
  next: string | null
  total?: string
}

export interface FieldFault {
  field: string
  code: string
  message?: string
  limit?: string | number | null
}

export interface Clash {
  /** Of a batch: "update[3]". */
  item?: string
  field: string
  base: Value
  theirs: Value
  yours: Value
}

export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  request?: string
  errors?: FieldFault[]
  conflicts?: Clash[]
}

/** Which records are meant: conditions, and how they go together. */
export type Filter = { field: string; op: string; value?: unknown } | { and: Filter[] } | { or: Filter[] } | { not: Filter }

/** A window of a list: the rank of its first row, and how many rows. */
export type Range = readonly [number, number]

export interface Member {
  id: string
  title: string
  department: Ref | null
}

export interface Department {
  id: string
  title: string
  parent: string | null
}

export interface AuditChange {
  field: string
  label: string
  before: Value
  after: Value
  /** The same as a person reads them: labels and names instead of keys and ids. */
  before_text: string | null
  after_text: string | null
}

export interface AuditEvent {
  id: string
  at: string
  actor: Ref | null
  login: string | null
  action: string
  form: string | null
  /** The form's name, which whoever reads the log may have no other way to know. */
  form_label: string | null
  record: string | null
  records?: string[] | null
  changes: AuditChange[] | null
  session: string | null
  address: string | null
  request: string | null
  pos: string | null
  /** What the event says beyond the rest: words, or named values. */
  detail: string | Record<string, unknown> | null
}
