import { expect, it } from 'vitest'
import { isCreditCode } from '.'

it('checks the last character of a unified social credit code', () => {
  // Codes printed on the public registers of two well-known institutions.
  expect(isCreditCode('91350100M000100Y43')).toBe(true)
  expect(isCreditCode(' 91350100m000100y43 ')).toBe(true)
  expect(isCreditCode('91350100M000100Y44')).toBe(false)
  expect(isCreditCode('91350100M000100Y4')).toBe(false)
  expect(isCreditCode('91350100I000100Y43')).toBe(false)
})
