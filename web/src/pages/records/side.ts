/** What stands beside a record's fields: all that happened around it, its own history, or nothing. */
export type Side = 'timeline' | 'history' | null
