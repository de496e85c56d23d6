import { createRouter, createWebHistory } from 'vue-router'
import { useSession } from '@/base/session'
import ListPage from '@/pages/records/ListPage.vue'
import LoginPage from '@/pages/login/LoginPage.vue'
import HomePage from '@/pages/home/HomePage.vue'
import NoRightPage from '@/pages/NoRightPage.vue'
import NotFoundPage from '@/pages/NotFoundPage.vue'
import Shell from './Shell.vue'

/** Log-in and list are in the first load; the rest comes when it is wanted. */
const RecordPage = () => import('@/pages/records/RecordPage.vue')
const BinPage = () => import('@/pages/records/BinPage.vue')
const AuditPage = () => import('@/pages/audit/AuditPage.vue')
const PasswordPage = () => import('./PasswordPage.vue')
const DepartmentsPage = () => import('@/pages/departments/DepartmentsPage.vue')
const PeoplePage = () => import('@/pages/people/PeoplePage.vue')
const PersonPage = () => import('@/pages/people/PersonPage.vue')
const RolesPage = () => import('@/pages/roles/RolesPage.vue')
const RightsPage = () => import('@/pages/rights/RightsPage.vue')
const ViewPage = () => import('@/pages/rights/ViewPage.vue')
const MatrixPage = () => import('@/pages/rights/MatrixPage.vue')

declare module 'vue-router' {
  interface RouteMeta {
    /** Nobody needs to be logged in. */
    open?: boolean
    /** The page says "no right" to whoever has none of these. */
    right?: string | string[]
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: LoginPage, meta: { open: true } },
    { path: '/password', component: PasswordPage },
    {
      path: '/',
      component: Shell,
      children: [
        { path: '', component: HomePage },
        { path: 'forms/:form', name: 'list', component: ListPage, props: true },
        { path: 'forms/:form/bin', component: BinPage, props: true },
        { path: 'forms/:form/records/new', component: RecordPage, props: true },
        { path: 'forms/:form/records/:id', component: RecordPage, props: true },
        { path: 'audit', component: AuditPage, meta: { right: 'audit.read' } },
        { path: 'people', component: PeoplePage, meta: { right: ['users.manage', 'rights.manage'] } },
        { path: 'people/:id', component: PersonPage, props: true, meta: { right: ['users.manage', 'rights.manage'] } },
        { path: 'departments', component: DepartmentsPage, meta: { right: ['users.manage', 'rights.manage'] } },
        { path: 'roles', component: RolesPage, meta: { right: 'rights.manage' } },
        { path: 'rights', component: RightsPage, meta: { right: 'rights.manage' } },
        { path: 'rights/:form', component: MatrixPage, props: true, meta: { right: 'rights.manage' } },
        { path: 'rights/:form/person', component: ViewPage, props: true, meta: { right: 'rights.manage' } },
        { path: 'no-right', component: NoRightPage },
        { path: ':rest(.*)*', component: NotFoundPage },
      ],
    },
  ],
})

router.beforeEach(async (to) => {
  const session = useSession()
  if (!session.known) await session.load()
  if (to.meta.open) return session.loggedIn && to.path === '/login' ? '/' : true
  if (!session.loggedIn) return { path: '/login', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  if (session.mustChange) return to.path === '/password' ? true : { path: '/password', query: to.fullPath === '/' ? {} : { to: to.fullPath } }
  const wanted = to.meta.right ? [to.meta.right].flat() : []
  return wanted.length > 0 && !wanted.some(session.may) ? '/no-right' : true
})
