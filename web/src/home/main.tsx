import { words } from '../shell/language.ts'
import { Page, show } from '../shell/shell.tsx'
import './style.css'

interface Card {
  readonly to: string
  readonly title: string
  readonly text: string
}

interface Texts {
  readonly title: string
  readonly lead: string
  readonly cards: readonly Card[]
}

const text: Texts = words<Texts>({
  en: {
    title: 'Many people, one moment',
    lead: 'RTMS is a real-time message service: rooms that run frame by frame, topics that reach everybody, pushes and requests, all on one connection. These pages run on the node you have just started.',
    cards: [
      {
        to: '/battle/',
        title: 'Battle the Year Beast',
        text: 'Two to ten players, one beast. Every player sees the same blow in the same frame.',
      },
      {
        to: '/wall/',
        title: 'The Wall',
        text: '540 prices that never stand still, sent as often as an eye can follow. A heat map, and orders filled by push.',
      },
      {
        to: '/inside/',
        title: 'Look inside',
        text: 'Logs, cursors, queues and credit of a live connection. Stop reading, cut the line, flood it.',
      },
      {
        to: '/playground/',
        title: 'Playground',
        text: 'The smallest of everything: move a dot, watch a price, place an order.',
      },
      {
        to: '/admin/',
        title: 'Dashboard',
        text: 'What the node does right now: charts, meetings, topics, sessions. On this machine, or with a key.',
      },
    ],
  },
  zh: {
    title: '万人同此一刻',
    lead: 'RTMS 是实时消息服务：逐帧同步的房间、人人可达的主题、推送与请求，全在一条连接上。这些页面就运行在你刚启动的节点上。',
    cards: [
      { to: '/battle/', title: '打年兽', text: '二到十人同战一头年兽，每个人在同一帧看到同一击。' },
      {
        to: '/wall/',
        title: '行情墙',
        text: '540 个价格时刻在动，送来的快慢以人眼跟得上为度。还有热力图，以及由推送告知成交的下单。',
      },
      {
        to: '/inside/',
        title: '看内部',
        text: '一条真实连接里的日志、游标、队列和额度。停止读取、剪断线路、洪水冲击，看会怎样。',
      },
      { to: '/playground/', title: '试验场', text: '样样都有一点：移动圆点、看价格、下单。' },
      {
        to: '/admin/',
        title: '仪表盘',
        text: '节点此刻在做什么：图表、会议、主题、会话。限本机，或凭密钥。',
      },
    ],
  },
})

show(
  `RTMS – ${text.title}`,
  <Page name="home">
    <div class="hero">
      <h1>{text.title}</h1>
      <p>{text.lead}</p>
    </div>
    <div class="cards">
      {text.cards.map(({ to, title, text: said }) => (
        <a class="card door" href={to} key={to}>
          <h2>{title}</h2>
          <p>{said}</p>
        </a>
      ))}
    </div>
  </Page>,
)
