import { words } from '../shell/language.ts'

interface Texts {
  readonly title: string
  readonly lead: string
  readonly parts: Readonly<
    Record<'meeting' | 'topic' | 'request' | 'push', { readonly title: string; readonly hint: string }>
  >
  readonly code: string
  readonly ghost: string
  readonly field: string
  readonly frame: string
  readonly received: string
  readonly checksumAt: (frame: number) => string
  readonly checksumHint: string
  readonly members: string
  readonly you: string
  readonly away: string
  readonly line: string
  readonly quantity: string
  readonly order: string
  readonly ordering: string
  readonly placed: (id: string, quantity: number, price: string) => string
  readonly filled: (id: string, quantity: number, price: string) => string
  readonly noFills: string
  readonly invite: string
}

export const text: Texts = words<Texts>({
  en: {
    title: 'Playground',
    lead: 'The smallest of everything, on one connection. A ghost keeps you company until you open a second window, or a friend comes.',
    parts: {
      meeting: {
        title: 'Meeting',
        hint: 'Tap, drag, or use the arrow keys: everyone in the room sees the same move in the same frame.',
      },
      topic: {
        title: 'Topic',
        hint: 'A price, told to everyone who subscribes, at most 10 times a second.',
      },
      request: {
        title: 'Request',
        hint: 'An order goes up, its answer comes down.',
      },
      push: {
        title: 'Push',
        hint: 'A second after an order the server tells you, and only you, that it is filled.',
      },
    },
    code: 'All of the code',
    ghost: 'Ghost',
    field: 'Shared field. The arrow keys move your dot; with Shift, further.',
    frame: 'Frame',
    received: 'Received',
    checksumAt: (frame) => `Checksum at ${frame}`,
    checksumHint:
      'The checksum covers every frame so far. At the same frame it is the same in every window of the room.',
    members: 'In the room',
    you: 'you',
    away: 'away',
    line: 'The price since you came, at most the last minute',
    quantity: 'Quantity',
    order: 'Place order',
    ordering: 'Ordering…',
    placed: (id, quantity, price) => `Order ${id}: ${quantity} at ${price}.`,
    filled: (id, quantity, price) => `Order ${id} is filled: ${quantity} at ${price}`,
    noFills: 'Nothing filled yet.',
    invite: 'Invite others',
  },
  zh: {
    title: '试验场',
    lead: '样样都有一点，全在一条连接上。再开一个窗口或朋友到来之前，有个小幽灵陪你。',
    parts: {
      meeting: {
        title: '会议（Meeting）',
        hint: '点一下、拖动，或按方向键：房间里的每个人在同一帧看到同一步。',
      },
      topic: {
        title: '主题（Topic）',
        hint: '一个价格，告知每个订阅者，每秒至多 10 次。',
      },
      request: {
        title: '请求（Request）',
        hint: '订单上行，答复下行。',
      },
      push: {
        title: '推送（Push）',
        hint: '下单一秒后，服务器告诉你，而且只告诉你：已成交。',
      },
    },
    code: '全部代码',
    ghost: '小幽灵',
    field: '共享场地。方向键移动你的圆点，按住 Shift 走得更远。',
    frame: '帧',
    received: '已收到',
    checksumAt: (frame) => `第 ${frame} 帧的校验和`,
    checksumHint: '校验和涵盖至今的每一帧。同一帧上，房间里所有窗口的校验和都相同。',
    members: '房间里',
    you: '你',
    away: '离开',
    line: '你到来之后的价格，至多最近一分钟',
    quantity: '数量',
    order: '下单',
    ordering: '正在下单…',
    placed: (id, quantity, price) => `订单 ${id}：${quantity} 份，单价 ${price}。`,
    filled: (id, quantity, price) => `订单 ${id} 已成交：${quantity} 份，单价 ${price}`,
    noFills: '还没有成交。',
    invite: '邀请别人',
  },
})
