import { words } from '../shell/language.ts'

interface Card {
  readonly title: string
  readonly text: string
}

interface Texts {
  readonly title: string
  readonly lead: string
  readonly join: string
  readonly pause: string
  readonly goOn: string
  readonly scene: string
  readonly waiting: string
  readonly bots: (frame: string) => string
  readonly people: (frame: string) => string
  readonly install: string
  /** What stands before and behind the number. */
  readonly sealed: readonly [before: string, behind: string]
  readonly cards: Readonly<Record<'wall' | 'inside' | 'playground' | 'admin', Card>>
  readonly figures: Readonly<Record<'connections' | 'meetings' | 'messages', string>>
  readonly missing: string
  readonly missingLead: string
  readonly goHome: string
}

export const text: Texts = words<Texts>({
  en: {
    title: 'Many people, one moment',
    lead: 'RTMS is a real-time message service: rooms that run frame by frame, topics that reach everybody, pushes and requests, all on one connection. This page runs on the node you have just started.',
    join: 'Fight the Year Beast',
    pause: 'Pause',
    goOn: 'Go on',
    scene: 'A battle on this node, as it happens',
    waiting: 'Going to the battle…',
    bots: (frame) => `Live, frame ${frame}: bots fight until you come.`,
    people: (frame) => `Live, frame ${frame}: people fight in this battle.`,
    install: 'Install',
    sealed: ['', 'frames sealed here since you came'],
    cards: {
      wall: {
        title: 'The Wall',
        text: '540 prices that never stand still, sent as often as an eye can follow, and orders filled by push.',
      },
      inside: {
        title: 'Look inside',
        text: 'Logs, cursors, queues and credit of a live connection. Stop reading, cut the line, flood it.',
      },
      playground: {
        title: 'Playground',
        text: 'The smallest of everything, with its code: move a dot, watch a price, place an order.',
      },
      admin: {
        title: 'Dashboard',
        text: 'What the node does: charts, meetings, topics, sessions. On this machine, or with a key.',
      },
    },
    figures: { connections: 'connections', meetings: 'meetings', messages: 'messages/s' },
    missing: 'Not found',
    missingLead: 'There is nothing at this address. These are the pages of this node.',
    goHome: 'Go to the first page',
  },
  zh: {
    title: '万人同此一刻',
    lead: 'RTMS 是实时消息服务：逐帧同步的房间、人人可达的主题、推送与请求，全在一条连接上。本页就运行在你刚启动的节点上。',
    join: '去打年兽',
    pause: '暂停',
    goOn: '继续',
    scene: '本节点上正在进行的战斗',
    waiting: '正在前往战场…',
    bots: (frame) => `直播，第 ${frame} 帧：机器人在打，等你上场。`,
    people: (frame) => `直播，第 ${frame} 帧：有玩家正在战斗。`,
    install: '安装',
    sealed: ['自你到来，这里已封定', '帧'],
    cards: {
      wall: {
        title: '行情墙',
        text: '540 个价格时刻在动，送来的快慢以人眼跟得上为度；下单成交由推送告知。',
      },
      inside: {
        title: '看内部',
        text: '一条真实连接里的日志、游标、队列和额度。停止读取、剪断线路、洪水冲击，看会怎样。',
      },
      playground: { title: '试验场', text: '样样都有一点，附全部代码：移动圆点、看价格、下单。' },
      admin: { title: '仪表盘', text: '节点在做什么：图表、会议、主题、会话。限本机，或凭密钥。' },
    },
    figures: { connections: '连接', meetings: '会议', messages: '消息/秒' },
    missing: '没有此页',
    missingLead: '此地址上什么也没有。本节点上有这些页面。',
    goHome: '回到首页',
  },
})
