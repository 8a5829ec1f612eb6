/** Characters that make a terminal do something, or show a line in another order than it was written in. */
const ACTIVE = /[\p{Cc}\p{Bidi_Control}]/gu

/** The text in one line, in which nothing does anything to a terminal: others may have chosen it. */
export function printable(text: string): string {
  return text.replace(ACTIVE, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`)
}

/** The same in several lines. Those after the first are indented, so none passes for a line of its own. */
export function printableLines(text: string): string {
  const [first = '', ...rest] = text.split(/\r?\n/)
  const indented = rest.map((line) => (/^\s/.test(line) ? line : `    ${line}`))
  return [first, ...indented].map(printable).join('\n')
}

/**
 * The same for a text in JSON, which stays what it is for a program: JSON leaves some of these characters as they are.
 */
export function printableJson(json: string): string {
  return json.replace(ACTIVE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
