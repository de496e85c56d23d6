/** Copies text; the clipboard API is there only on secure pages, so plain HTTP on loopback has a second way. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text)
    return true
  } catch {
    const area = document.createElement('textarea')
    const before = document.activeElement as HTMLElement | null
    area.value = text
    area.setAttribute('readonly', '')
    area.style.position = 'fixed'
    area.style.opacity = '0'
    document.body.appendChild(area)
    area.select()
    const good = document.execCommand('copy')
    area.remove()
    before?.focus()
    return good
  }
}
