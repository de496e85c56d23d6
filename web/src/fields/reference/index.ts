import { h } from 'vue'
import { RouterLink } from 'vue-router'
import { isEmpty, type Kind } from '../kind'
import { isRef, refRequest } from '../refs'
import Edit from './Edit.vue'

/** A record of another form. One that is not to be seen has neither id nor title, and stands as a mask does. */
const kind: Kind = {
  type: 'reference',
  align: 'start',
  width: 220,
  text: (value) => (isEmpty(value) ? '' : isRef(value) && value.id !== null ? (value.title ?? `#${value.id}`) : '***'),
  read(value, field) {
    const text = kind.text(value, field)
    if (!isRef(value) || value.id === null || !field.form) return text
    return h(RouterLink, { to: `/forms/${field.form}/records/${value.id}` }, () => text)
  },
  request: refRequest,
  edit: Edit,
}
export default kind
