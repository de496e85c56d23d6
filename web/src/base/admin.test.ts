import { expect, test } from 'vitest'
import { clashOf, dutiesOf } from './admin'

const role = (rights: string[], forms: string[] = []) => ({ rights, forms })

test('rights of one duty are one duty', () => {
  expect(dutiesOf(['users.manage', 'system.manage', 'forms.design'])).toEqual(['system'])
  expect(dutiesOf(['forms.design'])).toEqual([])
  expect(dutiesOf(['audit.read', 'rights.manage'])).toEqual(['audit', 'rights'])
})

test('nobody has two duties, and no administrator has records', () => {
  expect(clashOf([role(['users.manage']), role(['system.manage'])])).toBe('none')
  expect(clashOf([role(['users.manage']), role(['rights.manage'])])).toBe('duties')
  expect(clashOf([role(['rights.manage'], ['customer'])])).toBe('forms')
  expect(clashOf([role(['audit.read']), role([], ['customer'])])).toBe('forms')
  expect(clashOf([role([], ['customer']), role(['forms.design'], ['customer'])])).toBe('none')
})
