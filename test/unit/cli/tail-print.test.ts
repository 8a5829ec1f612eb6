import { afterEach, expect, it, vi } from 'vitest'
import { JsonPrinter, TextPrinter } from '../../../src/cli/tail-print.ts'
import { RtmsError } from '../../../src/protocol/index.ts'

afterEach(() => void vi.restoreAllMocks())

/** What is written to a stream meanwhile. */
function writtenTo(stream: NodeJS.WriteStream, act: () => void): string {
  let text = ''
  vi.spyOn(stream, 'write').mockImplementation((chunk) => {
    text += String(chunk)
    return true
  })
  act()
  return text
}

const evil = 'a\u001b[2J\u009b31m\u202e\r\nb'
const tame = 'a\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{d}\\u{a}b'
const publication = { topic: 't', key: evil, removed: false, time: 0 }

it('Nothing that others have chosen does anything to the terminal', () => {
  const printer = new TextPrinter()
  printer.member(3, evil)
  const out = writtenTo(process.stdout, () => {
    printer.publication(evil, publication)
    printer.frame({
      number: 7,
      events: [
        { type: 'join', slot: 4, user: evil },
        { type: 'leave', slot: 3, reason: evil },
      ],
      inputs: [{ slot: 3, seq: 1, data: '\u009b' }],
    })
  })
  expect(out.split('\n')).toEqual([
    `00:00:00.000  ${tame}  "a\\u001b[2J\\u{9b}31m\\u{202e}\\r\\nb"`,
    `#7  ${tame} joined as slot 4`,
    `#7  slot 3 (${tame}) leave: ${tame}`,
    `#7  slot 3 (${tame})  "\\u{9b}"`,
    '',
  ])
  const told = writtenTo(process.stderr, () => printer.lost(new RtmsError('CLOSED', evil)))
  expect(told).toBe(`Not connected (${tame}); trying again\n`)
})

it('A time that is none is told as unknown', () => {
  for (const time of [2 ** 53 - 1, -(2 ** 53), NaN])
    expect(
      writtenTo(process.stdout, () => new TextPrinter().publication(1, { ...publication, key: '', time })),
    ).toBe('??:??:??.???  1\n')
  const latest = writtenTo(process.stdout, () =>
    new TextPrinter().publication(1, { ...publication, key: '', time: 8.64e15 }),
  )
  expect(latest).toBe('00:00:00.000  1\n')
})

it('JSON is one value a line, whatever is in it', () => {
  const out = writtenTo(process.stdout, () => new JsonPrinter().publication(evil, publication))
  expect(out.trimEnd().split('\n')).toHaveLength(1)
  expect(JSON.parse(out)).toMatchObject({ key: evil, data: evil })
})

it('What the business says to all is shown like any other data', () => {
  const frame = {
    number: 7,
    events: [
      { type: 'say' as const, data: { question: evil } },
      { type: 'say' as const, data: new Uint8Array([1, 2]) },
    ],
    inputs: [],
  }
  const out = writtenTo(process.stdout, () => new TextPrinter().frame(frame))
  expect(out.split('\n')).toEqual([
    '#7  the business says  {"question":"a\\u001b[2J\\u{9b}31m\\u{202e}\\r\\nb"}',
    expect.stringMatching(/^#7 {2}the business says {2}.*2 bytes/),
    '',
  ])
  const json = writtenTo(process.stdout, () => new JsonPrinter().frame(frame))
  expect(JSON.parse(json)).toMatchObject({
    events: [{ type: 'say', data: { question: evil } }, { base64: 'AQI=' }],
  })
})

it('Data that is nested too deeply for JSON to be written is told as that, at whatever depth', () => {
  const said = '"It is nested too deeply to be shown."'
  const told = (printer: TextPrinter | JsonPrinter, depth: number): string =>
    writtenTo(process.stdout, () =>
      printer.publication(JSON.parse('['.repeat(depth) + ']'.repeat(depth)), publication),
    )
  let [shown, hidden] = [10, 16_000]
  while (hidden - shown > 1) {
    const depth = Math.floor((shown + hidden) / 2)
    if (told(new TextPrinter(), depth).includes(said)) hidden = depth
    else shown = depth
  }
  for (let depth = shown - 30; depth < shown + 30; depth++)
    expect(told(new JsonPrinter(), depth)).toMatch(
      /^\{"type":"publication".*("data":\[\[|"data":"It is nested)/,
    )
})
