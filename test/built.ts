import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))

/** What the build makes last: the library, and the pages. */
const made = ['dist/cli/main.js', 'dist/web/index.html']
const sources = ['src', 'web', 'docs']

/**
 * For tests of what is built: builds, unless the build is newer than its sources. Without it they would fail one by
 * one, for reasons that do not name the build, or pass with an older one.
 */
export default function setup(): void {
  const built = Math.min(...made.map(changedAt))
  if (Math.max(...sources.map(newestIn)) < built) return
  console.log('The build is missing or older than its sources: it is made anew')
  for (const part of ['build:lib', 'build:web'])
    execFileSync('npm', ['run', part], { cwd: ROOT, stdio: 'inherit' })
}

/** Milliseconds since 1970; 0 for a file that does not exist. */
function changedAt(path: string): number {
  return existsSync(ROOT + path) ? statSync(ROOT + path).mtimeMs : 0
}

function newestIn(folder: string): number {
  const entries = readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
  return Math.max(...entries.map((name) => changedAt(`${folder}/${name}`)))
}
