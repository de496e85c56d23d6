/** Matrices that were changed and left without saving, by form; they live as long as the page does. */
import type { Matrix } from '@/base/admin'
import type { Draft } from './matrix'

export const aside = new Map<string, { matrix: Matrix; saved: Draft; draft: Draft }>()
