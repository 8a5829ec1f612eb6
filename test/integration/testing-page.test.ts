import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root, run } from './packed.ts'

it('the test on the page about testing your app passes as it stands there', async () => {
  const page = await readFile(join(root, 'docs/testing.md'), 'utf8')
  const [, block = ''] = /```ts\n([\s\S]*?)```/.exec(page) ?? []
  // In the checkout, where the package is found by its own name. The block has no types, so Node runs it as it is.
  const folder = join(root, '.artifacts/testing-page')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'quiz.test.mjs'), block)
  expect(await run(folder, process.execPath, '--test', 'quiz.test.mjs')).toMatch(/pass 1\b/)
  await rm(folder, { recursive: true })
})
