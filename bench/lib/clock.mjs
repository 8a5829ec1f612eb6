/**
 * Milliseconds of the machine's monotonic clock. `performance.now()` is the same clock counted from the start of the
 * process; with this offset the times of two processes can be compared.
 */
export const clockOffset = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const now = () => performance.now() + clockOffset

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

/**
 * Calls `act` so often a second at an even pace, and catches up where the process was held up. Returns what ends it.
 *
 * @param {number} perSecond @param {() => void} act
 */
export function pace(perSecond, act) {
  const begun = now()
  let done = 0
  const timer = setInterval(() => {
    for (const due = ((now() - begun) / 1000) * perSecond; done < due; done++) act()
  }, 5)
  return () => clearInterval(timer)
}

/** Processor time of this process so far, in milliseconds. */
export const usage = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
