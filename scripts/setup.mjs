// Installs the system programs that the tests want and npm cannot bring; with `--pictures`, also what the pictures want.
// Quiet when all are there.
import { spawnSync } from 'node:child_process'
import { findProgram } from './programs.mjs'

/** The program, the Debian package it is in, and what wants it. */
const programs = [
  { program: 'chromium', package: 'chromium', use: 'the browser tests' },
  { program: 'curl', package: 'curl', use: 'the tests of the examples in docs/http-api.md' },
  { program: 'haproxy', package: 'haproxy', use: 'the tests of the load balancers in deploy/' },
  { program: 'nats-server', package: 'nats-server', use: 'the tests of the bus' },
  { program: 'nginx', package: 'nginx', use: 'the tests of the load balancers in deploy/' },
  { program: 'python3', package: 'python3', use: 'the tests of examples/python' },
]
if (process.argv.includes('--pictures'))
  programs.push(
    { program: 'fc-list', package: 'fontconfig', use: 'the pictures' },
    {
      program: 'a Chinese font',
      package: 'fonts-wqy-microhei',
      use: 'the pictures',
      isThere: hasChineseFont,
    },
  )

const isInstalled = ({ program, isThere = () => findProgram(program) !== undefined }) => isThere()

/** Without one, a browser draws boxes in the place of Chinese words. */
function hasChineseFont() {
  const lister = findProgram('fc-list')
  return lister !== undefined && spawnSync(lister, [':lang=zh'], { encoding: 'utf8' }).stdout.trim() !== ''
}

function run(command, args) {
  console.log(`setup: ${command} ${args.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env })
  if (status === 0) return true
  console.error(`setup: ${command} failed: ${error?.message ?? `exit code ${status}`}`)
  return false
}

const missing = programs.filter((entry) => !isInstalled(entry))
if (missing.length > 0) {
  for (const { program, use } of missing) console.log(`setup: ${program} is missing; ${use} want it`)
  const packages = missing.map((entry) => entry.package)
  const mayInstall = process.getuid?.() === 0 && isInstalled({ program: 'apt-get' })
  const done =
    mayInstall &&
    run('apt-get', ['update']) &&
    run('apt-get', ['install', '-y', '--no-install-recommends', ...packages])
  const still = missing.filter((entry) => !isInstalled(entry))
  if (done && still.length === 0) console.log(`setup: ${packages.join(' ')} installed`)
  else {
    if (!mayInstall) console.error('setup: only root on a system with apt-get can install it from here')
    const names = (still.length > 0 ? still : missing).map((entry) => entry.package).join(' ')
    console.error(
      `setup: install ${names} (Debian, Ubuntu: sudo apt-get install ${names}), then run this again`,
    )
    process.exitCode = 1
  }
}
