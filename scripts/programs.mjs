import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The file of a program in PATH; undefined where there is none. */
export function findProgram(name) {
  // Debian has the servers in /usr/sbin, which is not in everybody's PATH.
  return `${process.env.PATH ?? ''}:/usr/sbin`
    .split(delimiter)
    .map((folder) => join(folder, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
