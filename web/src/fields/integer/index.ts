import { decFromInput, decGroup, decParse } from '@/base/dec'
import { checkBounds, checkFigure, figureFromText, figureRequest } from '../figures'
import { asText, type Kind } from '../kind'
import Edit from './Edit.vue'

const MOST = '9223372036854775807'
const LEAST = '-9223372036854775808'

/** A whole number of 64 bits. It travels as text, for JavaScript's numbers end at 2^53. */
const kind: Kind = {
  type: 'integer',
  align: 'end',
  width: 112,
  text: (value) => (decParse(asText(value)) ? decGroup(asText(value)) : asText(value)),
  check: (value, field) => checkFigure(value, field, 0) ?? checkBounds(decFromInput(asText(value)) ?? '0', LEAST, MOST),
  request: figureRequest,
  fromText: figureFromText,
  edit: Edit,
}
export default kind
