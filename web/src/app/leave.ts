/**
 * Forgets everything that a person has seen, then begins anew at the log-in. The page is loaded afresh, so that no
 * record stays behind in the memory of the tab for whoever sits down next.
 */
import { forgetDrafts } from '@/base/drafts'
import { useForms } from '@/base/forms'
import { forgetAlarms } from '@/base/alarms'
import { live } from '@/base/live'
import { forgetLists } from '@/base/lists'
import { forgetPeople } from '@/base/people'
import { useSession } from '@/base/session'

export function leave(): void {
  forgetAlarms()
  live.stop()
  forgetLists()
  forgetDrafts()
  forgetPeople()
  useForms().forget()
  useSession().forget()
  window.location.replace('/login')
}
