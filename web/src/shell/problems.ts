import { type ErrorCode, RtmsError } from 'rtms/client'
import { words } from './language.ts'

type Texts = Partial<Record<ErrorCode, string>> & { readonly page: string }

const texts: Texts = words<Texts>({
  en: {
    page: 'Something went wrong in this page. Reload it.',
    BUSY: 'The server is busy. Try again in a moment.',
    CLOSED: 'The server has ended the connection. Reload the page to come back.',
    DRAINING: 'The server is restarting.',
    EXPIRED: 'Your pass has expired; the page is getting a new one.',
    FULL: 'The room is full.',
    NOT_SENT: 'There was no connection, so nothing was sent. Try again.',
    RATE: 'That was too fast. Slow down a little.',
    TIMEOUT: 'No answer came in time. It may or may not have worked.',
    UNAUTHENTICATED: 'The server did not accept this page’s pass. Reload the page.',
    UNKNOWN: 'The connection broke at a bad moment. It may or may not have worked.',
  },
  zh: {
    page: '页面出了问题，请重新加载。',
    BUSY: '服务器正忙，请稍后再试。',
    CLOSED: '服务器结束了连接。重新加载页面即可回来。',
    DRAINING: '服务器正在重启。',
    EXPIRED: '通行证已过期，页面正在获取新的。',
    FULL: '房间已满。',
    NOT_SENT: '当时没有连接，什么都没有发出。请再试一次。',
    RATE: '太快了，请慢一点。',
    TIMEOUT: '没有及时收到答复，可能成功也可能没有。',
    UNAUTHENTICATED: '服务器不接受此页面的通行证，请重新加载。',
    UNKNOWN: '连接恰好在此时中断，可能成功也可能没有。',
  },
})

/** What went wrong, for somebody who does not know the codes. */
export function inPlainWords(error: unknown): string {
  if (!(error instanceof RtmsError)) return texts.page
  return texts[error.code] ?? error.message
}
