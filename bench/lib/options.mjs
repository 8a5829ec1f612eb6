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
  let values
  try {
    values = parseArgs({ options }).values
    for (const [name, given] of Object.entries(values)) values[name] = convert(name, defaults[name], given)
  } catch (error) {
    console.error(`${error.message}\n--help lists the options.`)
    process.exit(2)
  }
  if (values.help) {
    for (const [name, value] of Object.entries(defaults)) console.log(`--${name} ${value}`)
    process.exit(0)
  }
  return { ...defaults, ...values }
}

function convert(name, preset, given) {
  if (typeof preset !== 'number') return given
  const number = Number(given)
  if (!Number.isFinite(number) || number < 0) throw new Error(`--${name} takes a number, not '${given}'`)
  return number
}
