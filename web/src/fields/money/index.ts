import { h } from 'vue'
import { decShort } from '@/base/dec'
import { checkFigure, figureFromText, figureRequest, figureText } from '../figures'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'money',
  align: 'end',
  width: 148,
  text: figureText,
  read: (value, field, t) => {
    const short = decShort(asText(value))
    if (short.unit === '') return figureText(value, field)
    return [figureText(value, field), h('span', { class: 'quiet', style: 'margin-left: 8px' }, t(`unit.${short.unit}`, { n: short.text }))]
  },
  check: checkFigure,
  request: figureRequest,
  fromText: figureFromText,
  edit: Edit,
}
export default kind
