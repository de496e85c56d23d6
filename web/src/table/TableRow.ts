/**
 * One row of the table, one component: a changed record repaints this and nothing else. Written as a render function
 * because it is by far the most drawn thing of the product; a cell is two elements and no component.
 */
import { defineComponent, h, type PropType, type VNode } from 'vue'
import type { Value } from '@/base/contract'
import { holds, shownOf, type Marks } from '@/base/marks'
import type { Row } from '@/base/rows'
import { widthName, type Column } from './useColumns'

const LOCK = 'M4 7.5h8V13H4zM5.7 7.5V5.3a2.3 2.3 0 0 1 4.6 0v2.2'

function lock(label: string): VNode {
  return h('svg', { class: 'cell-lock', viewBox: '0 0 16 16', role: 'img', 'aria-label': label }, [h('path', { d: LOCK })])
}

export default defineComponent({
  name: 'TableRow',
  props: {
    row: { type: Object as PropType<Row>, default: undefined },
    index: { type: Number, required: true },
    top: { type: Number, required: true },
    columns: { type: Array as PropType<Column[]>, required: true },
    /** The column of the active cell if it is in this row, else -1. */
    active: { type: Number, required: true },
    /** As it was when it was last seen: the newest state is on its way. */
    stale: { type: Boolean, default: false },
    href: { type: String, default: '' },
    maskedLabel: { type: String, required: true },
    untitledLabel: { type: String, required: true },
    /** Columns of the block of selected cells; -1: none. */
    from: { type: Number, default: -1 },
    to: { type: Number, default: -1 },
    /** The block ends in this row: its handle is drawn. */
    handle: { type: Boolean, default: false },
    /** What was typed and is not (yet) what the server has. */
    marks: { type: Object as PropType<Marks>, default: undefined },
    /** The cell that has an input, and the input; in hand it stands over its neighbours. */
    editKey: { type: String, default: '' },
    inHand: { type: Boolean, default: false },
    /** Null: rows can not be ticked. */
    ticked: { type: [Boolean, null] as PropType<boolean | null>, default: null },
    tickLabel: { type: String, default: '' },
    editor: { type: Function as PropType<() => VNode | null>, default: undefined },
  },
  setup(props) {
    function content(column: Column, row: Row): VNode[] | VNode | string {
      const value: Value = shownOf(props.marks?.[column.key], row, column.key)
      const inner = column.kind.cell && value !== null ? column.kind.cell(value, column.field) : column.kind.text(value, column.field)
      const masked = row.masked.includes(column.key) && value !== null
      const shown = [inner, masked ? lock(props.maskedLabel) : null]
      if (!column.first) return h('span', { class: masked ? 'cell-text masked' : 'cell-text' }, shown)
      const title = inner === '' ? props.untitledLabel : inner
      return h('a', { class: 'cell-text cell-title', href: props.href, tabindex: -1, draggable: false }, [title, shown[1]])
    }

    /** Two classes of one look: a second change while the first still fades begins the fade again. */
    function tint(key: string): string | false {
      const count = props.row?.tint?.[key]
      return count !== undefined && (count % 2 === 0 ? 'tint tint-even' : 'tint tint-odd')
    }

    function classes(column: Column, at: number): unknown[] {
      const mark = props.marks?.[column.key]
      const chosen = props.from >= 0 && at >= props.from && at <= props.to
      const held = column.key === props.editKey && (props.inHand ? 'in-hand' : 'armed')
      return ['cell', column.kind.align === 'end' && 'cell-end', column.first && 'cell-first', tint(column.key) || tint(''), chosen && 'chosen', mark && holds(mark, props.row) && `mark-${mark.state}`, held, props.handle && at === props.to && 'handled']
    }

    return () => {
      const { row, columns, index } = props
      const cells = columns.map((column, at) =>
        h(
          'div',
          {
            key: column.key,
            class: classes(column, at),
            style: { width: `var(${widthName(column.key)})` },
            role: 'gridcell',
            tabindex: props.active === at ? 0 : -1,
            'aria-colindex': at + 1,
            'data-cell': `${index}:${at}`,
            'data-test': `cell-${column.key}`,
          },
          [
            row && column.first && props.ticked !== null ? h('input', { type: 'checkbox', class: 'tick-box', checked: props.ticked, tabindex: -1, 'aria-label': props.tickLabel, 'data-tick': index, 'data-test': 'tick' }) : null,
            row ? content(column, row) : h('span', { class: 'skeleton cell-bone', style: { width: `${38 + ((index * 7 + at * 13) % 40)}%` } }),
            column.key === props.editKey ? props.editor?.() : null,
            props.handle && at === props.to ? h('span', { class: 'fill-handle', 'aria-hidden': 'true', 'data-test': 'fill-handle' }) : null,
          ],
        ),
      )
      return h(
        'div',
        {
          class: ['row', props.stale && row && 'stale', props.inHand && 'raised', props.ticked && 'ticked'],
          role: 'row',
          style: { transform: `translateY(${props.top}px)` },
          'aria-rowindex': index + 2,
          'aria-busy': row ? undefined : true,
          'data-row': index,
          'data-id': row?.id,
          'data-test': row ? 'row' : undefined,
        },
        cells,
      )
    }
  },
})
