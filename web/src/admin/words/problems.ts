import { words } from '../../shell/language.ts'

const en = {
  AWAY: 'The node does not answer. Nothing may have happened; look again when it is back.',
  OFF: 'What answers here is no HTTP API of RTMS.',
  PAGE: 'Something went wrong in this page. Load it again.',
  UNAUTHENTICATED: 'The node no longer takes the key. Give another one.',
  FORBIDDEN: 'The business does not allow it: its authorize said no.',
  NO_FAULTS: 'That node was not started for development, so it cannot be cut off or killed from here.',
  NOT_FOUND: 'There is nothing of this name any more.',
  BAD_NAME:
    'That is no name: segments of letters, digits, - and _ joined by single dots; a user has 1 to 255 bytes.',
  BAD_TOPIC: 'That is no name of a topic: segments of letters, digits, - and _ joined by single dots.',
  TOO_LARGE: 'It is too large: a value has at most 32 KiB.',
  LIMIT:
    'The node is at its limit: of topics, keys, revocations or log bytes. Raise the limit, or wait until there is less.',
  RATE: 'That was too often. Wait a second and try again.',
  DRAINING: 'The node is stopping and takes nothing new. Try its successor.',
  CLOSED: 'The node has stopped, or has closed this connection. Try again when it is back.',
  UNSUPPORTED: 'This node cannot do that: it has no key that signs tickets, or does not know the kind.',
  HANDLER_FAILED: 'The node has failed at it, and its log says why.',
  BUSY: 'The node is busy. Try again in a moment.',
}

type Texts = Readonly<Record<keyof typeof en, string>>

const zh: Texts = {
  AWAY: '节点没有应答。可能什么都没有发生；等它恢复后再看。',
  OFF: '这里应答的不是 RTMS 的 HTTP API。',
  PAGE: '页面出了问题，请重新加载。',
  UNAUTHENTICATED: '节点不再接受此密钥，请换一个。',
  FORBIDDEN: '业务不允许：它的 authorize 拒绝了。',
  NO_FAULTS: '该节点不是以开发方式启动的，不能在此断开或杀死。',
  NOT_FOUND: '这个名称已不存在。',
  BAD_NAME: '名称无效：由字母、数字、- 和 _ 组成的段，以单个点相连；用户名为 1 到 255 字节。',
  BAD_TOPIC: '主题名称无效：由字母、数字、- 和 _ 组成的段，以单个点相连。',
  TOO_LARGE: '太大了：一个值最多 32 KiB。',
  LIMIT: '节点已达上限：主题、键、撤销或日志字节。请提高上限，或等到数量减少。',
  RATE: '太频繁了，请等一秒再试。',
  DRAINING: '节点正在停止，不再接受新的内容，请试后继节点。',
  CLOSED: '节点已停止，或关闭了此连接。等它恢复后再试。',
  UNSUPPORTED: '此节点做不到：没有可签发票据的密钥，或不认识这种会议。',
  HANDLER_FAILED: '节点执行失败，原因在它的日志里。',
  BUSY: '节点正忙，请稍后再试。',
}

const texts: Readonly<Record<string, string>> = words<Texts>({ en, zh })

/** What went wrong and what to do. The node's own words follow where they say more. */
export function problemText({ code, message }: { readonly code: string; readonly message: string }): string {
  const known = Object.hasOwn(texts, code) ? texts[code] : undefined
  if (known === undefined) return message === '' ? code : `${message} (${code})`
  return known
}
