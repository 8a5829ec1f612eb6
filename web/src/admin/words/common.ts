import { language, words } from '../../shell/language.ts'
import { Format } from '../numbers/format.ts'

export const format = new Format(language === 'zh' ? 'zh-CN' : 'en-GB')

const en = {
  units: ['d', 'h', 'min', 's'] as [string, string, string, string],
  title: 'Dashboard',
  menu: 'Views',
  views: {
    overview: 'Overview',
    cluster: 'Cluster',
    meetings: 'Meetings',
    topics: 'Topics',
    sessions: 'Sessions',
  },
  away: (since: string) =>
    `The node has not answered since ${since}. What you see is how it was then; the page asks every second and goes on by itself.`,
  off: 'This node has no dashboard for you: its HTTP API does not answer. Start it with the option admin, or with rtms serve --admin.',
  key: {
    title: 'A key is needed',
    option: 'This node opens its dashboard only to who has a key of its HTTP API.',
    remote:
      'Your browser is not on the machine of this node, so the node wants a key of its HTTP API. Without one, reach it through a tunnel: ssh -L 7788:localhost:7788 the-machine, then http://localhost:7788/admin/.',
    proxy:
      'A proxy has passed your request on, so the node cannot tell where you are and wants a key of its HTTP API.',
    host: 'The address in your browser is not localhost, so the node wants a key of its HTTP API. On the machine itself, open http://localhost:<port>/admin/.',
    none: 'This node has no keys. Start it with the option api: { keys }, or with rtms serve --api-key.',
    label: 'Key',
    hint: 'It stays in this window until you close it or lock the dashboard, and goes nowhere but to this node.',
    wrong: 'That is not one of the node’s keys.',
    open: 'Open',
    lock: 'Lock',
  },
  search: 'Search',
  node: 'Node',
  missing: (nodes: string) => `No answer from ${nodes}: what is there is not in this list.`,
  none: 'Nothing here.',
  nothing: (search: string) => `Nothing has “${search}” in its name.`,
  loading: 'Asking the node…',
  page: (from: number, to: number, all: number) => `${from}–${to} of ${all}`,
  previous: 'Previous',
  next: 'Next',
  more: (shown: number) => `The first ${shown} by name. Search to see others.`,
  cancel: 'Cancel',
  back: 'Back',
  yes: 'yes',
  no: 'no',
  table: 'As a table',
  time: 'Time',
  user: 'User',
  bytes: 'Bytes',
}

type Texts = typeof en

const zh: Texts = {
  units: ['天', '小时', '分', '秒'],
  title: '仪表盘',
  menu: '视图',
  views: { overview: '总览', cluster: '集群', meetings: '会议', topics: '主题', sessions: '会话' },
  away: (since) => `节点自 ${since} 起没有应答。您看到的是当时的情况；页面每秒询问一次，恢复后会自动继续。`,
  off: '此节点没有向您开放仪表盘：它的 HTTP API 没有应答。请用选项 admin 启动，或用 rtms serve --admin。',
  key: {
    title: '需要密钥',
    option: '此节点的仪表盘只对持有 HTTP API 密钥的人开放。',
    remote:
      '您的浏览器不在节点所在的机器上，所以节点要求 HTTP API 的密钥。没有密钥时可经隧道访问：ssh -L 7788:localhost:7788 那台机器，然后打开 http://localhost:7788/admin/。',
    proxy: '您的请求经过了代理，节点无法判断您在哪里，所以要求 HTTP API 的密钥。',
    host: '浏览器中的地址不是 localhost，所以节点要求 HTTP API 的密钥。在那台机器上请打开 http://localhost:<端口>/admin/。',
    none: '此节点没有密钥。请用选项 api: { keys } 启动，或用 rtms serve --api-key。',
    label: '密钥',
    hint: '它只留在此窗口，关闭窗口或锁定仪表盘后即消失，也只发给此节点。',
    wrong: '这不是节点的密钥。',
    open: '打开',
    lock: '锁定',
  },
  search: '搜索',
  node: '节点',
  missing: (nodes) => `${nodes} 没有应答：那里的内容不在此列表中。`,
  none: '这里什么都没有。',
  nothing: (search) => `没有名称含“${search}”的条目。`,
  loading: '正在询问节点…',
  page: (from, to, all) => `第 ${from}–${to} 项，共 ${all} 项`,
  previous: '上一页',
  next: '下一页',
  more: (shown) => `按名称显示前 ${shown} 项，其余请搜索。`,
  cancel: '取消',
  back: '返回',
  yes: '是',
  no: '否',
  table: '以表格显示',
  time: '时间',
  user: '用户',
  bytes: '字节',
}

export const text: Texts = words<Texts>({ en, zh })
