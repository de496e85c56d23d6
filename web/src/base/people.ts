/** Members and departments for the fields that name them. Departments are few and kept; members are searched. */
import { call, query } from './api'
import type { Department, Member, Page } from './contract'

let departments: Promise<Department[]> | null = null

export function findMembers(text: string, signal?: AbortSignal): Promise<Member[]> {
  return call<Page<Member>>(`/members${query({ q: text })}`, { signal }).then((page) => page.items)
}

/** The name of somebody who is named by a filter; null where nobody has this id. */
export function memberById(id: string): Promise<Member | null> {
  return call<Page<Member>>(`/members${query({ id })}`).then((page) => page.items[0] ?? null)
}

export function allDepartments(): Promise<Department[]> {
  departments ??= call<Page<Department>>('/departments').then(
    (page) => page.items,
    (error: unknown) => {
      departments = null
      throw error
    },
  )
  return departments
}

export function forgetPeople(): void {
  departments = null
}
