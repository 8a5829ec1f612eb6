import { expect, it } from 'vitest'
import { inProcess } from '../../../src/bus/in-process.ts'
import type { BusListener } from '../../../src/core/index.ts'

const deaf: BusListener = { message() {}, sent() {}, down() {}, back() {}, gone() {} }

it('A bus within a process delivers all that was said before a turn ends, but not while it is being said', async () => {
  const bus = inProcess()
  const reports = { fault: () => {}, warn: () => {} }
  const heard: number[] = []
  const one = bus.connect(1, deaf, reports)
  bus.connect(2, { ...deaf, sent: ([value = 0]) => heard.push(value) }, reports)
  const turn = new Promise<number[]>((resolve) => setImmediate(() => resolve([...heard])))
  for (const value of [1, 2]) one.send(2, Uint8Array.of(value))
  expect(heard).toEqual([])
  expect(await turn).toEqual([1, 2])
})
