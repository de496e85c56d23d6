import { expect, it } from 'vitest'
import { treeChoices } from '.'

it('lays the tree out flat; a branch whose parent is not visible stands at the top', () => {
  const tree = treeChoices([
    { id: '3', title: '支行', parent: '2' },
    { id: '1', title: '总行', parent: null },
    { id: '2', title: '分行', parent: '1' },
    { id: '9', title: '别处', parent: '404' },
  ])
  expect(tree.map((choice) => [choice.label, choice.depth])).toEqual([['总行', 0], ['分行', 1], ['支行', 2], ['别处', 0]])
})
