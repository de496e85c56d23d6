import { describe, expect, it } from 'vitest'
import { fieldOf } from '../fixture'
import kind, { urlOf } from '.'

describe('web addresses', () => {
  it('are http or https, with a host', () => {
    expect(urlOf('HTTP://Example.COM:8080/A?b=C#d')).toBe('http://example.com:8080/A?b=C#d')
    expect(urlOf('www.example.com/中文')).toBe('https://www.example.com/中文')
    expect(urlOf('http://oa/x')).toBe('http://oa/x')
    const bad = ['', 'oa', 'ftp://a.cn', 'javascript:alert(1)', 'https://', 'https://bank.cn@evil.com', 'https://a b.com', 'https://a.com/<x>', 'https://a.com:0', 'https://a..com', 'https://-a.com']
    for (const text of bad) expect(urlOf(text), text).toBeNull()
  })

  it('open in a tab of their own that knows nothing of this one; what is no address is no link', () => {
    const link = kind.read?.('https://example.com', fieldOf('url'), (key) => key)
    expect(link).toMatchObject({ type: 'a', props: { href: 'https://example.com', target: '_blank', rel: 'noopener noreferrer' } })
    expect(kind.read?.('javascript:alert(1)', fieldOf('url'), (key) => key)).toBe('javascript:alert(1)')
    expect(kind.read?.('htt***', fieldOf('url'), (key) => key)).toBe('htt***')
  })
})
