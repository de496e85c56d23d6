import { decFromInput } from '@/base/dec'
import { checkFigure, figureText } from '../figures'
import { asText, isEmpty, type Kind } from '../kind'
import Edit from './Edit.vue'

/** `62.5`, `62.5%`, `６２．５％`: what people type for a percentage is its number. */
export const percentOf = (typed: string): string | null => decFromInput(typed.normalize('NFKC').replace(/\s*%\s*$/, ''))

const kind: Kind = {
  type: 'percent',
  align: 'end',
  width: 104,
  text: (value, field) => (isEmpty(value) ? '' : `${figureText(value, field)}%`),
  check: (value, field) => checkFigure(percentOf(asText(value)) ?? value, field),
  request: (value) => percentOf(asText(value)) ?? asText(value),
  fromText: (text) => percentOf(text) ?? text,
  edit: Edit,
}
export default kind
