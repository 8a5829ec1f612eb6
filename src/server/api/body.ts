import type { IncomingMessage } from 'node:http'
import { ApiError } from './errors.ts'

/**
 * Reads the body as text; '' where there is none. Throws ApiError where its header is not JSON's, where it is too
 * large, or where somebody else has read it.
 */
export async function readBody(request: IncomingMessage, maxBytes: number): Promise<string> {
  const { headers } = request
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
  if (!hasBody) return ''
  checkKind(request)
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes)
  if (request.readableEnded)
    throw new ApiError(
      'UNSUPPORTED',
      'the body was read before: put rtms.api in front of what parses bodies',
      {
        status: 500,
      },
    )
  const chunks: Buffer[] = []
  let size = 0
  // The request is not destroyed when the loop ends early: the refusal still goes out on the same socket.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw tooLarge(maxBytes)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function checkKind({ headers }: IncomingMessage): void {
  const [kind = ''] = (headers['content-type'] ?? '').split(';')
  if (kind.trim().toLowerCase() !== 'application/json' || headers['content-encoding'] !== undefined) {
    throw new ApiError(
      'UNSUPPORTED',
      'send the body as JSON, not compressed, with content-type: application/json',
      {
        status: 415,
      },
    )
  }
}

function tooLarge(maxBytes: number): ApiError {
  return new ApiError('TOO_LARGE', `the body has more than ${maxBytes} bytes`, {
    headers: { connection: 'close' },
  })
}

/** Parses JSON. Throws ApiError for any other text. */
export function parseJson(text: string): unknown {
  try {
    return text === '' ? {} : (JSON.parse(text) as unknown)
  } catch (error) {
    throw new ApiError('PROTOCOL', `the body is not JSON: ${(error as Error).message}`)
  }
}
