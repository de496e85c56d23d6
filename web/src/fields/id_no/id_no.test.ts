import { expect, it } from 'vitest'
import { isIdNo } from '.'

it("checks birthday and last character of a citizen's ID number", () => {
  // The example of GB 11643-1999.
  expect(isIdNo('11010519491231002X')).toBe(true)
  expect(isIdNo('11010519491231002x')).toBe(true)
  expect(isIdNo('110105194912310021')).toBe(false)
  expect(isIdNo('11010519490231002X')).toBe(false)
  expect(isIdNo('110105491231002')).toBe(false)
})
