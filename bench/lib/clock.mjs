/**
 * Milliseconds of the machine's monotonic clock. `performance.now()` is the same clock counted from the start of the
 * process; with this offset the times of two processes can be compared.
 */
export const clockOffset = Number(process.hrtime.bigint()) / 1e6 - performance.now()

export const now = () => performance.now() + clockOffset

/** @param {number} ms */
export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
