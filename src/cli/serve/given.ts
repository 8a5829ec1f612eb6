/** An option, else a variable of the environment; an empty one counts as none. */
export function or(option: string | undefined, variable: string): string | undefined {
  return option ?? (process.env[variable] || undefined)
}

/** What a message calls an option: as it was given, by the command line or by the environment. */
export function called(option: string | undefined, flag: string, variable: string): string {
  return option === undefined ? variable : flag
}
