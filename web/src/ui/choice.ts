/** One line of a list to choose from. */
export interface Choice {
  key: string
  label: string
  color?: string | null
  /** A quieter word behind the label: a code, a department. */
  hint?: string
  /** Steps of indentation in a tree. */
  depth?: number
}

/** The choices that hold what was typed, those that begin with it first. */
export function matching(choices: Choice[], text: string): Choice[] {
  const wanted = text.normalize('NFKC').toLowerCase()
  if (wanted === '') return choices
  const score = (choice: Choice) => {
    const label = choice.label.normalize('NFKC').toLowerCase()
    if (label.startsWith(wanted) || choice.hint?.toLowerCase().startsWith(wanted)) return 0
    return label.includes(wanted) || choice.key.toLowerCase().startsWith(wanted) ? 1 : 2
  }
  return [0, 1].flatMap((wantedScore) => choices.filter((choice) => score(choice) === wantedScore))
}
