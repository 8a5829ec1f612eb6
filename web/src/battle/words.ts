import type { Medal } from '../../../src/demo/battle/index.ts'
import { words } from '../shell/language.ts'

interface MedalText {
  readonly name: string
  readonly why: string
}

type Deed = 'throwIt' | 'rocket' | 'guard'

export interface Texts {
  readonly title: string
  readonly tagline: string
  readonly joining: string
  readonly lobby: string
  readonly players: (there: number, seats: number) => string
  readonly you: string
  readonly host: string
  readonly bot: string
  readonly away: string
  readonly ready: string
  readonly notReady: string
  readonly onlooker: string
  readonly elsewhere: string
  readonly beReady: string
  readonly beUnready: string
  readonly start: string
  readonly hostStarts: string
  readonly seats: string
  readonly seatsHint: string
  readonly hostSets: (host: string) => string
  readonly length: string
  readonly quick: string
  readonly long: string
  readonly invite: string
  readonly inviteHint: string
  readonly localHint: string
  readonly qr: string
  readonly how: string
  readonly throwIt: string
  readonly rocket: string
  readonly guard: string
  readonly hints: Readonly<Record<Deed, string>>
  readonly together: string
  readonly togetherHint: string
  readonly togetherNow: (count: number) => string
  readonly keys: Readonly<Record<Deed, string>>
  readonly touch: Readonly<Record<Deed, string>>
  readonly beast: string
  readonly rage: string
  readonly blood: string
  readonly noise: string
  readonly time: string
  readonly hearts: string
  readonly heartsOf: (left: number) => string
  readonly chain: (count: number) => string
  readonly scene: string
  readonly roarComes: string
  readonly clawComes: string
  readonly now: string
  readonly stunned: string
  readonly down: (seconds: number) => string
  readonly watching: string
  readonly waitNext: string
  readonly fight: string
  readonly perfect: string
  readonly guarded: string
  readonly lucky: string
  readonly sound: string
  readonly network: string
  readonly leave: string
  readonly lost: string
  readonly stalled: string
  readonly skipped: (count: number) => string
  readonly broken: Readonly<Record<'restarted' | 'revived' | 'diverged' | 'failed', string>>
  readonly won: string
  readonly wonText: string
  readonly beaten: string
  readonly beatenText: string
  readonly yourResult: string
  readonly fromServer: string
  readonly waitingResult: string
  readonly noResult: string
  readonly rank: string
  readonly rankOf: (count: number) => string
  readonly damage: string
  readonly hits: string
  readonly togetherHits: string
  readonly perfects: string
  readonly falls: string
  readonly everybody: string
  readonly player: string
  readonly medalsTitle: string
  readonly medals: Readonly<Record<Medal, MedalText>>
  readonly rematch: string
  readonly rematchWaits: (ready: number, of: number) => string
  readonly net: {
    readonly title: string
    readonly nodes: string
    readonly sameNode: string
    readonly otherNode: string
    readonly frame: string
    readonly lateness: string
    readonly latenessHint: string
    readonly rtt: string
    readonly input: string
    readonly inputHint: string
    readonly down: string
    readonly up: string
    readonly resumes: string
    readonly resumesOf: (full: number, all: number) => string
    readonly digest: string
    readonly digestHint: string
    readonly close: string
  }
}

export const text: Texts = words<Texts>({
  en: {
    title: 'Battle the Year Beast',
    tagline:
      'Once a year it comes down from the mountains. It fears red, fire and noise. Bring friends: blows that land together hurt it most.',
    joining: 'Going to the room…',
    lobby: 'The room',
    players: (there, seats) => `Players (${there} of ${seats})`,
    you: 'you',
    host: 'host',
    bot: 'bot',
    away: 'away',
    ready: 'ready',
    notReady: 'not ready',
    onlooker: 'looks on',
    elsewhere: 'You play on in another window.',
    beReady: 'I am ready',
    beUnready: 'Not ready after all',
    start: 'Start the battle',
    hostStarts: 'It begins when everybody is ready, or when the host starts it.',
    seats: 'Fighters, with bots',
    seatsHint: 'Bots take the seats that nobody sits on.',
    hostSets: (host) => `${host} is the host and sets this.`,
    length: 'Battle',
    quick: 'Quick',
    long: 'Long',
    invite: 'Invite friends',
    inviteHint: 'Scan with a phone, or send the link.',
    localHint:
      'This address works on this computer only. For phones, open the page by the computer’s own address in your network.',
    qr: 'QR code of the link to this room',
    how: 'How to fight',
    throwIt: 'Firecracker',
    rocket: 'Rocket',
    guard: 'Guard',
    hints: {
      throwIt: 'As fast as you can; held down, it goes on throwing.',
      rocket: 'Hold to charge, let go to fire. Fully charged it hits ten times as hard.',
      guard: 'When a ring closes around you, guard before it has closed. At the last moment is perfect.',
    },
    together: 'Together',
    togetherHint: 'Bangs at the same moment add up. Noise fills a bar; when it is full the beast is stunned.',
    togetherNow: (count) => `Together ×${count}`,
    keys: { throwIt: 'Space', rocket: 'F', guard: 'G' },
    touch: { throwIt: 'tap', rocket: 'hold', guard: 'hold' },
    beast: 'Year Beast',
    rage: 'raging',
    blood: 'Blood of the beast',
    noise: 'Noise',
    time: 'Time left',
    hearts: 'Your hearts',
    heartsOf: (left) => `${left} of 3 hearts`,
    chain: (count) => `${count} in a row`,
    scene: 'The beast and the fighters. What matters is also told in words.',
    roarComes: 'It is going to roar. Guard!',
    clawComes: 'It is after you. Guard!',
    now: 'NOW!',
    stunned: 'Stunned! Everything you have!',
    down: (seconds) => `You are down. Up again in ${seconds}…`,
    watching: 'You look on.',
    waitNext: 'This battle has begun already; you fight in the next one.',
    fight: 'Fight!',
    perfect: 'Perfect!',
    guarded: 'Guarded',
    lucky: 'Lucky!',
    sound: 'Sound',
    network: 'Network',
    leave: 'Leave',
    lost: 'Connection lost. The battle goes on; you catch up as soon as you are back.',
    stalled: 'The room goes on in a moment…',
    skipped: (count) =>
      `${count} frames are no longer kept. The server gave the state after them; from there on this page follows every frame.`,
    broken: {
      restarted: 'The room was started anew.',
      revived: 'The room’s server has ended, and another one goes on with the room.',
      diverged: 'This page had another state than the others, and has taken the server’s.',
      failed: 'Frames are missing and the server did not give the state. Reload the page.',
    },
    won: 'Victory!',
    wonText: 'The beast has fled to its mountains. Happy new year!',
    beaten: 'The beast has won',
    beatenText: 'This time. It comes again next year, or as soon as you want.',
    yourResult: 'Your result',
    fromServer: 'Told by the server, to you alone.',
    waitingResult: 'The server’s word is on its way…',
    noResult: 'You did not fight in this battle.',
    rank: 'Rank',
    rankOf: (count) => `Rank, of ${count}`,
    damage: 'Damage',
    hits: 'Hits',
    togetherHits: 'Together',
    perfects: 'Perfect guards',
    falls: 'Falls',
    everybody: 'Everybody',
    player: 'Player',
    medalsTitle: 'Medals',
    medals: {
      thunder: { name: 'Thunder', why: 'most damage' },
      lastBlow: { name: 'Last blow', why: 'it fell by your hand' },
      shield: { name: 'Shield', why: 'most perfect guards' },
      chorus: { name: 'Chorus', why: 'most hits together with others' },
      unhurt: { name: 'Unhurt', why: 'not one heart lost' },
    },
    rematch: 'Again!',
    rematchWaits: (ready, of) => `${ready} of ${of} want another one.`,
    net: {
      title: 'What the network does',
      nodes: 'Your node / the room’s',
      sameNode: 'the room is where you are connected',
      otherNode: 'frames come by the bus, once for all who are on your node',
      frame: 'Frame',
      lateness: 'Lateness',
      latenessHint: 'of frames, against the steadiest of the last 20 s',
      rtt: 'Round trip',
      input: 'Input to frame',
      inputHint: 'from your finger to the frame that holds it',
      down: 'Down',
      up: 'Up',
      resumes: 'Reconnects',
      resumesOf: (full, all) => (all === 0 ? 'none' : `${full} of ${all} without loss`),
      digest: 'Digest',
      digestHint: 'of the whole state; the same in every window at the same frame',
      close: 'Close',
    },
  },
  zh: {
    title: '打年兽',
    tagline: '年兽一年下山一次，怕红、怕火、怕响。叫上朋友一起来：同时炸响，最让它吃痛。',
    joining: '正在进入房间…',
    lobby: '房间',
    players: (there, seats) => `玩家（${there} / ${seats}）`,
    you: '你',
    host: '房主',
    bot: '机器人',
    away: '离开',
    ready: '已准备',
    notReady: '未准备',
    onlooker: '观战',
    elsewhere: '你正在另一个窗口里继续玩。',
    beReady: '我准备好了',
    beUnready: '取消准备',
    start: '开战',
    hostStarts: '所有人准备好后自动开战，房主也可以直接开战。',
    seats: '参战人数（含机器人）',
    seatsHint: '空位由机器人补上。',
    hostSets: (host) => `由房主 ${host} 设置。`,
    length: '战斗',
    quick: '速战',
    long: '鏖战',
    invite: '邀请朋友',
    inviteHint: '用手机扫码，或发送链接。',
    localHint: '此地址只在这台电脑上有效。要用手机加入，请用电脑在局域网里的地址打开本页。',
    qr: '本房间链接的二维码',
    how: '怎么打',
    throwIt: '鞭炮',
    rocket: '冲天炮',
    guard: '防守',
    hints: {
      throwIt: '越快越好；按住则连续投掷。',
      rocket: '按住蓄力，松手发射。蓄满时威力约为十倍。',
      guard: '光圈向你收拢时，赶在合上之前防守；最后一刻防住就是完美防守。',
    },
    together: '齐心',
    togetherHint: '同时炸响，伤害叠加。响声积满，年兽就会被震晕。',
    togetherNow: (count) => `齐心 ×${count}`,
    keys: { throwIt: '空格', rocket: 'F', guard: 'G' },
    touch: { throwIt: '点', rocket: '按住', guard: '按住' },
    beast: '年兽',
    rage: '狂怒',
    blood: '年兽血量',
    noise: '响声',
    time: '剩余时间',
    hearts: '你的红心',
    heartsOf: (left) => `还剩 ${left} 颗红心，共 3 颗`,
    chain: (count) => `${count} 连击`,
    scene: '年兽与众玩家。重要的事也会用文字说明。',
    roarComes: '它要咆哮了，快防守！',
    clawComes: '它盯上你了，快防守！',
    now: '就是现在！',
    stunned: '震晕了！全力进攻！',
    down: (seconds) => `你倒下了，${seconds} 秒后起身…`,
    watching: '你正在观战。',
    waitNext: '这一场已经开始，下一场你就能上。',
    fight: '开打！',
    perfect: '完美！',
    guarded: '防住了',
    lucky: '走运！',
    sound: '声音',
    network: '网络',
    leave: '离开',
    lost: '连接中断。战斗还在继续，恢复后会立刻追上。',
    stalled: '房间马上继续…',
    skipped: (count) => `有 ${count} 帧已不再保留。服务器给出了之后的状态，从那里起本页逐帧跟随。`,
    broken: {
      restarted: '房间已重新开始。',
      revived: '房间所在的服务器已终止，另一台接着进行。',
      diverged: '本页的状态与其他人的不同，已改用服务器的状态。',
      failed: '缺少若干帧，服务器也没有给出状态。请重新加载页面。',
    },
    won: '胜利！',
    wonText: '年兽逃回山里去了。新年快乐！',
    beaten: '年兽赢了',
    beatenText: '只是这一回。它明年再来，你想现在再战也行。',
    yourResult: '你的战绩',
    fromServer: '由服务器单独告诉你。',
    waitingResult: '服务器的结果正在路上…',
    noResult: '这一场你没有参战。',
    rank: '名次',
    rankOf: (count) => `名次，共 ${count} 人`,
    damage: '伤害',
    hits: '命中',
    togetherHits: '齐发',
    perfects: '完美防守',
    falls: '倒下',
    everybody: '全体战绩',
    player: '玩家',
    medalsTitle: '奖牌',
    medals: {
      thunder: { name: '霹雳', why: '伤害最高' },
      lastBlow: { name: '终结', why: '最后一击' },
      shield: { name: '铁壁', why: '完美防守最多' },
      chorus: { name: '齐心', why: '与人齐发最多' },
      unhurt: { name: '无伤', why: '一颗心也没丢' },
    },
    rematch: '再来一场！',
    rematchWaits: (ready, of) => `${of} 人中有 ${ready} 人想再来一场。`,
    net: {
      title: '网络在做什么',
      nodes: '你的节点 / 房间的节点',
      sameNode: '房间就在你连接的节点上',
      otherNode: '帧经总线而来，你节点上的所有人共用一份',
      frame: '帧',
      lateness: '迟到',
      latenessHint: '帧的到达与最近 20 秒内最准时者相比',
      rtt: '往返',
      input: '输入入帧',
      inputHint: '从按下到写进某一帧',
      down: '下行',
      up: '上行',
      resumes: '重连',
      resumesOf: (full, all) => (all === 0 ? '无' : `${all} 次中 ${full} 次无丢失`),
      digest: '摘要',
      digestHint: '对全部状态而言；同一帧上每个窗口都相同',
      close: '关闭',
    },
  },
})
