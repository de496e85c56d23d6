import { describe, expect, it } from 'vitest'
import { isEmail } from '.'

describe('e-mail addresses', () => {
  it('are what the server takes', () => {
    for (const good of ['a@b.cn', 'li.na+1@mail.example.com', " o'hara@x-y.org "]) expect(isEmail(good), good).toBe(true)
    for (const bad of ['', 'a', 'a@', '@b.cn', 'a@b', 'a b@c.cn', '.a@b.cn', 'a..b@c.cn', 'a.@b.cn', 'a@-b.cn', 'a@b.cn.', 'a@b@c.cn', '李@b.cn']) {
      expect(isEmail(bad), bad).toBe(false)
    }
  })
})
