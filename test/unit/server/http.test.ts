import type { IncomingMessage } from 'node:http'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { PassThrough } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { addressOf, hasTooManyHeaders, healthUrlOf, refuseUpgrade } from '../../../src/server/edge/http.ts'
import { serverLimits } from '../../../src/server/ground/limits.ts'

afterEach(() => {
  vi.restoreAllMocks()
  syncBuiltinESMExports()
})

const listening = (address: string, port = 7) => ({ address, port, family: 'any' })

describe('The address of a server', () => {
  it.each([
    ['0.0.0.0', 'localhost'],
    ['::', 'localhost'],
    ['127.0.0.1', 'localhost'],
    ['::1', 'localhost'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8::1', '[2001:db8::1]'],
  ])('that listens on %s is %s', (address, host) => {
    expect(addressOf(listening(address), false, '/rtms')).toEqual({
      host,
      port: 7,
      url: `ws://${host}:7/rtms`,
    })
    expect(addressOf(listening(address), true, '/').url).toBe(`wss://${host}:7/`)
  })

  it.each([[null], ['/run/rtms.sock']])('that listens on %s is none', (address) => {
    expect(() => addressOf(address, false, '/rtms')).toThrow('no server listens on a TCP port')
    expect(healthUrlOf(address, false)).toBe('')
  })

  it.each([
    ['192.0.2.1', 'http://192.0.2.1:7/healthz'],
    ['2001:db8::1', 'http://[2001:db8::1]:7/healthz'],
    ['127.0.0.1', 'http://127.0.0.1:7/healthz'],
  ])('on %s is asked for its health at %s', (address, url) => {
    expect(healthUrlOf(listening(address), false)).toBe(url)
    expect(healthUrlOf(listening(address), true)).toBe(url.replace('http', 'https'))
  })

  it('on all addresses is asked at the first that other machines have, or at none but its own', () => {
    const at = (...all: [family: 'IPv4' | 'IPv6', address: string, internal: boolean][]): string => {
      const own = all.map(([family, address, internal]) => ({ family, address, internal }))
      vi.spyOn(os, 'networkInterfaces').mockReturnValue({ none: undefined, one: own } as never)
      syncBuiltinESMExports()
      return healthUrlOf(listening('::'), false)
    }
    expect([
      at(['IPv4', '127.0.0.1', true], ['IPv6', 'fe80::1', false], ['IPv4', '192.0.2.7', false]),
      at(['IPv4', '192.0.2.8', false], ['IPv4', '192.0.2.9', false]),
      at(['IPv4', '127.0.0.5', true], ['IPv6', 'fe80::1', false]),
    ]).toEqual(['http://192.0.2.7:7/healthz', 'http://192.0.2.8:7/healthz', 'http://127.0.0.1:7/healthz'])
  })
})

describe('A refused upgrade', () => {
  it.each([
    [400, 'Bad Request', ''],
    [426, 'Upgrade Required', 'Upgrade: websocket\r\n'],
  ])('is answered %i and its socket closed', async (status, words, more) => {
    const socket = new PassThrough()
    let said = ''
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()))
    refuseUpgrade(socket, status, 'nö')
    await vi.waitFor(() => expect(socket.destroyed).toBe(true))
    expect(said).toBe(
      `HTTP/1.1 ${status} ${words}\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n${more}` +
        'Content-Length: 4\r\n\r\nnö\n',
    )
  })

  it('of a socket that fails ends there', () => {
    const socket = new PassThrough()
    refuseUpgrade(socket, 400, 'no')
    socket.emit('error', new Error('reset'))
    expect(socket.destroyed).toBe(true)
  })
})

it('A request has too many headers from one above the limit on', () => {
  const of = (count: number): boolean =>
    hasTooManyHeaders({ rawHeaders: Array(2 * count).fill('x') } as unknown as IncomingMessage)
  expect([of(serverLimits.headers), of(serverLimits.headers + 1)]).toEqual([false, true])
})
