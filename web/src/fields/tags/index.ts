import SeveralEdit from '../SeveralEdit.vue'
import { severalKind } from '../several'

export default severalKind('tags', false, SeveralEdit)
