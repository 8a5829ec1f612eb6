import type { State } from 'rtms/client'
import { words } from '../shell/language.ts'

/** What RTMS did, told by what really happened. */
export type Happening =
  | { readonly kind: 'connected' | 'stopped' | 'reading' | 'flowing' | 'cut' | 'resumed' | 'rejoined' }
  | { readonly kind: 'stalled'; readonly bytes: number; readonly window: number }
  | { readonly kind: 'fallen' | 'gap' | 'conflated'; readonly from: number; readonly to: number }
  | { readonly kind: 'recovered'; readonly from: number; readonly frame: number }
  | { readonly kind: 'lost'; readonly reason: string }
  | { readonly kind: 'goodbye'; readonly reason: string }
  | { readonly kind: 'stood'; readonly ms: number }
  | { readonly kind: 'flood'; readonly count: number }
  | { readonly kind: 'framed'; readonly count: number; readonly from: number; readonly to: number }
  | { readonly kind: 'refused'; readonly code: string; readonly count: number }
  | { readonly kind: 'speed'; readonly speed: number }
  | { readonly kind: 'policy'; readonly policy: Policy }

/** Of the tour. */
export const steps = ['flood', 'stop', 'read', 'cut'] as const
export type Step = (typeof steps)[number]

export type Policy = 'skip' | 'conflate' | 'disconnect'
type Say = {
  readonly [K in Happening['kind']]: (what: Extract<Happening, { readonly kind: K }>) => string
}

export const kib = (bytes: number): string => `${(bytes / 1024).toFixed(1)} KiB`

interface Texts {
  readonly title: string
  readonly lead: string
  readonly tour: string
  readonly breakIt: string
  readonly breaking: string
  readonly steps: Readonly<Record<Step, string>>
  readonly broken: (silent: number) => string
  readonly picture: string
  readonly server: string
  readonly client: string
  readonly meetingLog: string
  readonly topicLog: string
  readonly ring: string
  readonly cursor: string
  readonly noCursor: string
  readonly behind: (count: number) => string
  readonly fell: (count: number) => string
  readonly credit: string
  readonly of: (used: string, all: string) => string
  readonly upstream: string
  readonly waitingUp: (count: number) => string
  readonly framesRead: string
  readonly entriesRead: string
  readonly held: (packets: number, size: string) => string
  readonly notHeld: string
  readonly unanswered: (count: number) => string
  readonly wire: Readonly<Record<State, string>>
  readonly stalledWire: string
  readonly legend: { readonly read: string; readonly sent: string; readonly waits: string }
  readonly switches: string
  readonly stop: string
  readonly read: string
  readonly stopHint: string
  readonly cut: string
  readonly offline: (seconds: number) => string
  readonly cutHint: string
  readonly flood: string
  readonly floodHint: string
  readonly policy: string
  readonly policies: Readonly<Record<Policy, string>>
  readonly policyHints: Readonly<Record<Policy, string>>
  readonly speed: string
  readonly perSecond: (speed: number) => string
  readonly figures: string
  readonly told: string
  readonly silent: string
  readonly stoodIn: string
  readonly refused: string
  readonly framed: string
  readonly story: string
  readonly quiet: string
  readonly say: Say
}

const range = (from: number, to: number): string => (from === to ? `${from}` : `${from}–${to}`)

const english: Texts = {
  title: 'Look inside',
  lead: 'This is your own connection, live. Everything that goes down is a log, and a reader is a cursor in it; everything that goes up is a queue. Disturb it and watch what RTMS does.',
  tour: 'Break it in twenty seconds',
  breakIt: 'Break it',
  breaking: 'Breaking it…',
  steps: {
    flood: 'Flood: 300 inputs at once. What is over the limit is refused, each of them by name.',
    stop: 'Stop reading: credit runs out, the server copies nothing, and the ring moves past the cursor.',
    read: 'Read on: a GAP says exactly which entries are gone.',
    cut: 'Cut the line for 5 seconds: the session waits, and goes on where it stood.',
  },
  broken: (silent) =>
    silent === 0
      ? 'A flood, a reader that stopped and a cut line: nothing is missing in silence.'
      : `${silent} missing in silence: that must not be. Please tell us.`,
  picture: 'The connection',
  server: 'Server',
  client: 'This page',
  meetingLog: 'Meeting log · frames',
  topicLog: 'Topic log · entries',
  ring: 'the whole ring',
  cursor: 'your cursor',
  noCursor: 'no cursor: the session waits for a connection',
  behind: (count) => `your cursor · ${count} behind`,
  fell: (count) => `${count} fell off the ring`,
  credit: 'Credit · sent, not acknowledged',
  of: (used, all) => `${used} of ${all}`,
  upstream: 'Upstream queue',
  waitingUp: (count) => (count === 0 ? 'empty' : `${count} waiting`),
  framesRead: 'Frames read',
  entriesRead: 'Entries read',
  held: (packets, size) => `${packets} packets (${size}) not taken`,
  notHeld: 'Every packet is taken at once',
  unanswered: (count) => (count === 0 ? 'No input under way' : `${count} inputs under way`),
  wire: { connecting: 'connecting', connected: 'open', disconnected: 'cut', closed: 'closed' },
  stalledWire: 'stalled',
  legend: { read: 'read by this page', sent: 'sent, on its way', waits: 'waits in the log' },
  switches: 'Switches',
  stop: 'Stop reading',
  read: 'Read on',
  stopHint: 'The page takes no packet any more, so nothing is acknowledged.',
  cut: 'Cut the line',
  offline: (seconds) => `Back in ${seconds} s`,
  cutHint: 'Closes the socket underneath; no network for 5 seconds.',
  flood: 'Flood',
  floodHint: 'Sends 300 inputs at once. The meeting takes 30 a second, 60 at once.',
  policy: 'When this reader is too slow for the topic',
  policies: { skip: 'Skip', conflate: 'Conflate', disconnect: 'Disconnect' },
  policyHints: {
    skip: 'What fell off the ring is skipped, and a GAP says so.',
    conflate: 'The latest value of each key comes in the place of what was missed.',
    disconnect: 'A reader that fell off the ring is told SLOW and disconnected.',
  },
  speed: 'Feed',
  perSecond: (speed) => `${speed}/s`,
  figures: 'What this page counted',
  told: 'entries missing, and told',
  silent: 'missing in silence',
  stoodIn: 'entries conflated',
  refused: 'inputs refused',
  framed: 'inputs framed',
  story: 'What RTMS did',
  quiet: 'Nothing yet. Press a switch.',
  say: {
    connected: () => 'Connected. The server put a cursor into each log for this page.',
    stopped: () => 'You stopped reading. Packets still arrive, but this page takes none of them.',
    reading: () => 'You read on. What had arrived was taken and acknowledged.',
    stalled: ({ bytes, window }) =>
      `Credit is used up: ${kib(bytes)} of ${kib(window)} sent and not acknowledged. The server writes nothing more and copies nothing; your cursors wait in the logs.`,
    flowing: () => 'Credit is back. The cursors run to the head.',
    fallen: ({ from, to }) =>
      `The topic’s ring has moved past your cursor: entries ${range(from, to)} are gone for this reader.`,
    gap: ({ from, to }) =>
      `GAP: entries ${range(from, to)} were skipped. You are told exactly which, never left to guess.`,
    conflated: ({ from, to }) =>
      `Conflated: entries ${range(from, to)} were left out, and the latest value of each key came instead.`,
    cut: () => 'You cut the line. For 5 seconds there is no network.',
    lost: ({ reason }) =>
      `The connection was lost${reason}. The server keeps the session, its seat and its log for a minute.`,
    goodbye: ({ reason }) => `The server said goodbye: ${reason}. The client comes back by itself.`,
    rejoined: () => 'Back in the meeting, in the same seat: recovered, no frame missed.',
    recovered: ({ from, frame }) =>
      `Resumed from entry ${from} and frame ${frame}: recovered, everything in between follows.`,
    resumed: () =>
      'Resumed, not recovered: what was missed is older than the ring (RETENTION). It begins anew with the latest values.',
    stood: ({ ms }) =>
      `The meeting’s clock stood still for ${(ms / 1000).toFixed(1)} s: nobody was connected to it.`,
    flood: ({ count }) => `You sent ${count} inputs at once.`,
    framed: ({ count, from, to }) =>
      `${count} inputs were framed, in frames ${range(from, to)}: no more than 8 of one member each.`,
    refused: ({ code, count }) => `${code}: ${count} inputs were refused. Each of them was told.`,
    speed: ({ speed }) => `The feed now brings ${speed} entries a second.`,
    policy: ({ policy }) => `The topic is subscribed to anew, from where it stood: ${policy}.`,
  },
}

const chinese: Texts = {
  title: '看内部',
  lead: '这是你自己的连接，实时呈现。凡下行皆为日志，读者是日志中的一个游标；凡上行皆为队列。来捣乱吧，看 RTMS 如何应对。',
  tour: '二十秒内弄坏它',
  breakIt: '动手',
  breaking: '正在捣乱…',
  steps: {
    flood: '洪水冲击：一次 300 个输入。超限的被拒，逐一告知。',
    stop: '停止读取：额度用尽，服务器不复制任何内容，环越过游标。',
    read: '继续读取：GAP 说明究竟缺了哪些条目。',
    cut: '剪断线路 5 秒：会话等着，从原处继续。',
  },
  broken: (silent) =>
    silent === 0
      ? '洪水、停读、断线都来过了：没有一条无声缺失。'
      : `有 ${silent} 条无声缺失：这不应发生，请告诉我们。`,
  picture: '这条连接',
  server: '服务器',
  client: '本页面',
  meetingLog: '会议日志 · 帧',
  topicLog: '主题日志 · 条目',
  ring: '整个环',
  cursor: '你的游标',
  noCursor: '没有游标：会话正在等待连接',
  behind: (count) => `你的游标 · 落后 ${count}`,
  fell: (count) => `${count} 条已掉出环外`,
  credit: '额度 · 已发送、未确认',
  of: (used, all) => `${used}，共 ${all}`,
  upstream: '上行队列',
  waitingUp: (count) => (count === 0 ? '空' : `${count} 条等待`),
  framesRead: '已读的帧',
  entriesRead: '已读的条目',
  held: (packets, size) => `${packets} 个包（${size}）未取`,
  notHeld: '每个包都立即取走',
  unanswered: (count) => (count === 0 ? '没有在途的输入' : `${count} 个输入在途`),
  wire: { connecting: '连接中', connected: '畅通', disconnected: '断开', closed: '已关闭' },
  stalledWire: '停滞',
  legend: { read: '本页已读', sent: '已发送，在途', waits: '在日志中等待' },
  switches: '开关',
  stop: '停止读取',
  read: '继续读取',
  stopHint: '页面不再取走任何包，于是什么都不确认。',
  cut: '剪断线路',
  offline: (seconds) => `${seconds} 秒后恢复`,
  cutHint: '关闭底层套接字，断网 5 秒。',
  flood: '洪水冲击',
  floodHint: '一次发送 300 个输入。会议每秒接受 30 个，突发 60 个。',
  policy: '当本读者跟不上主题时',
  policies: { skip: '跳过', conflate: '合并', disconnect: '断开' },
  policyHints: {
    skip: '掉出环外的条目被跳过，并以 GAP 说明。',
    conflate: '每个键的最新值代替错过的内容。',
    disconnect: '掉出环外的读者被告知 SLOW 并断开。',
  },
  speed: '数据流',
  perSecond: (speed) => `${speed} 条/秒`,
  figures: '本页的统计',
  told: '缺失且已告知的条目',
  silent: '无声缺失',
  stoodIn: '被合并的条目',
  refused: '被拒的输入',
  framed: '入帧的输入',
  story: 'RTMS 做了什么',
  quiet: '还没有。按一个开关试试。',
  say: {
    connected: () => '已连接。服务器在每个日志中为本页放了一个游标。',
    stopped: () => '你停止了读取。包仍在到达，但页面一个也不取。',
    reading: () => '你继续读取。已到达的包被取走并确认。',
    stalled: ({ bytes, window }) =>
      `额度用尽：共 ${kib(window)}，已发送未确认 ${kib(bytes)}。服务器不再写入，也不复制任何内容；你的游标在日志中等待。`,
    flowing: () => '额度恢复，游标奔向日志头部。',
    fallen: ({ from, to }) => `主题的环已越过你的游标：条目 ${range(from, to)} 对本读者已不存在。`,
    gap: ({ from, to }) => `GAP：条目 ${range(from, to)} 被跳过。缺了哪些，明确告知，绝不让你猜。`,
    conflated: ({ from, to }) => `合并：条目 ${range(from, to)} 被略去，代之以每个键的最新值。`,
    cut: () => '你剪断了线路，断网 5 秒。',
    lost: ({ reason }) => `连接中断${reason}。服务器将会话、席位和日志保留一分钟。`,
    goodbye: ({ reason }) => `服务器道别：${reason}。客户端会自行回来。`,
    rejoined: () => '回到会议，席位不变：已恢复，一帧未缺。',
    recovered: ({ from, frame }) => `从条目 ${from}、第 ${frame} 帧处续传：已恢复，其间内容全部补上。`,
    resumed: () => '已续接但未能恢复：错过的内容早于环的保留范围（RETENTION），从最新值重新开始。',
    stood: ({ ms }) => `会议时钟停了 ${(ms / 1000).toFixed(1)} 秒：当时无人连接。`,
    flood: ({ count }) => `你一次发送了 ${count} 个输入。`,
    framed: ({ count, from, to }) =>
      `${count} 个输入入帧，位于第 ${range(from, to)} 帧：每个成员每帧至多 8 个。`,
    refused: ({ code, count }) => `${code}：${count} 个输入被拒，逐一告知。`,
    speed: ({ speed }) => `数据流现在每秒 ${speed} 条。`,
    policy: ({ policy }) => `主题从原位置重新订阅：${policy}。`,
  },
}

export const text: Texts = words<Texts>({ en: english, zh: chinese })

export function say(what: Happening): string {
  return (text.say[what.kind] as (what: Happening) => string)(what)
}
