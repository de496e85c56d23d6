import { expect, test } from 'vitest'
import { parseBlock, printBlock, printTable } from './clip'

test('what is printed is read again, whatever is in it', () => {
  const blocks = [[['a', 'b'], ['', '1,200.00']], [['say "so"', 'two\nlines'], ['tab\there', '"']], [['观澜', '']], [['']], [['x'], ['']]]
  for (const block of blocks) expect(parseBlock(`${printBlock(block)}\r\n`)).toEqual(block)
})

test('what spreadsheets write is read', () => {
  expect(parseBlock('')).toEqual([])
  expect(parseBlock('a\tb\r\nc\td\r\n')).toEqual([['a', 'b'], ['c', 'd']])
  expect(parseBlock('a\nb')).toEqual([['a'], ['b']])
  expect(parseBlock('a\n\nb\n')).toEqual([['a'], [''], ['b']])
  expect(parseBlock('"two\nlines"\tb\n')).toEqual([['two\nlines', 'b']])
  expect(parseBlock('a\t\n')).toEqual([['a', '']])
  expect(parseBlock('\t\n')).toEqual([['', '']])
})

test('a quote that closes nothing is a sign like others', () => {
  expect(parseBlock('"a" b\tc')).toEqual([['"a" b', 'c']])
  expect(parseBlock('"a\tc')).toEqual([['"a', 'c']])
})

test('a table for spreadsheets holds text only, and codes stay text', () => {
  expect(printTable([['<b>', '0571\n1']], [true, false])).toBe('<table><tr><td style="mso-number-format:\'\\@\'">&lt;b&gt;</td><td>0571<br>1</td></tr></table>')
})
