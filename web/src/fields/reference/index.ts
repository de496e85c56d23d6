import { h } from 'vue'
import { RouterLink } from 'vue-router'
import { isEmpty, type Kind } from '../kind'
import { isRef, refFromTitle, refRequest } from '../refs'
import Edit from './Edit.vue'
import { findRecords } from './find'

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
  fromText: async (text, field) => (field.form ? refFromTitle(text, (await findRecords(field.form, text.trim())).map(({ key, label }) => ({ id: key, title: label }))) : undefined),
  request: refRequest,
  edit: Edit,
}
export default kind
