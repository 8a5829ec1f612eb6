import { parseArgs } from 'node:util'

/**
 * The options of a program: what may be given on its command line, with these defaults. A default's type is the
 * option's: a number, a text or a switch. Ends the process where something else was given.
 *
 * @template {Record<string, number | string | boolean>} T
 * @param {T} defaults
 * @returns {T}
 */
export function readOptions(defaults) {
  /** @type {Record<string, { type: 'string' | 'boolean' }>} */
  const options = { help: { type: 'boolean' } }
  for (const [name, value] of Object.entries(defaults)) {
    options[name] = { type: typeof value === 'boolean' ? 'boolean' : 'string' }
  }
  try {
    const { values } = parseArgs({ options })
    if (values.help) {
      for (const [name, value] of Object.entries(defaults)) console.log(`--${name} ${value}`)
      process.exit(0)
    }
    const read = Object.entries(defaults).map(([name, value]) => [
      name,
      values[name] === undefined ? value : convert(name, value, values[name]),
    ])
    return /** @type {T} */ (Object.fromEntries(read))
  } catch (error) {
    console.error(`${error.message}\n--help lists the options.`)
    process.exit(2)
  }
}

function convert(name, preset, given) {
  if (typeof preset !== 'number') return given
  const number = Number(given)
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name} takes a number, not '${given}'`)
  return number
}
