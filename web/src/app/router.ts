import { createRouter, createWebHistory } from 'vue-router'
import { useSession } from '@/base/session'
import ListPage from '@/pages/records/ListPage.vue'
import LoginPage from '@/pages/login/LoginPage.vue'
import HomePage from '@/pages/HomePage.vue'
import NoRightPage from '@/pages/NoRightPage.vue'
import NotFoundPage from '@/pages/NotFoundPage.vue'
import Shell from './Shell.vue'

/** Log-in and list are in the first load; the rest comes when it is wanted. */
const RecordPage = () => import('@/pages/records/RecordPage.vue')
const AuditPage = () => import('@/pages/audit/AuditPage.vue')

declare module 'vue-router' {
  interface RouteMeta {
    /** Nobody needs to be logged in. */
    open?: boolean
    /** The right without which the page says "no right". */
    right?: string
  }
}

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: '/login', component: LoginPage, meta: { open: true } },
    {
      path: '/',
      component: Shell,
      children: [
        { path: '', component: HomePage },
        { path: 'forms/:form', name: 'list', component: ListPage, props: true },
        { path: 'forms/:form/records/new', component: RecordPage, props: true },
        { path: 'forms/:form/records/:id', component: RecordPage, props: true },
        { path: 'audit', component: AuditPage, meta: { right: 'audit.read' } },
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
  return to.meta.right && !session.may(to.meta.right) ? '/no-right' : true
})
