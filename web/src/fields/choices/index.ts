import SeveralEdit from '../SeveralEdit.vue'
import { severalKind } from '../several'

export default severalKind('choices', true, SeveralEdit)
