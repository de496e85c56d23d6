import { checkFigure, figureFromText, figureRequest, figureText } from '../figures'
import type { Kind } from '../kind'
import Edit from './Edit.vue'

const kind: Kind = {
  type: 'decimal',
  align: 'end',
  width: 128,
  text: figureText,
  check: checkFigure,
  request: figureRequest,
  fromText: figureFromText,
  edit: Edit,
}
export default kind
