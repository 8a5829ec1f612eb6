import type { Chance } from './chance.ts'

/* Which companies there are. All of them are invented; a name is put together from syllables. */

/** A branch of business, by its short name on the wire; `nouns` are what its companies call themselves. */
interface Branch {
  readonly sector: string
  readonly nouns: readonly (readonly [en: string, zh: string])[]
  /** How many times as lively as the market. */
  readonly beta: number
}

const branches: readonly Branch[] = [
  {
    sector: 'chips',
    beta: 1.6,
    nouns: [
      ['Circuits', '芯片'],
      ['Photonics', '光电'],
      ['Silicon', '硅业'],
    ],
  },
  {
    sector: 'software',
    beta: 1.3,
    nouns: [
      ['Systems', '软件'],
      ['Cloud', '云科技'],
      ['Data', '数据'],
    ],
  },
  {
    sector: 'robots',
    beta: 1.4,
    nouns: [
      ['Robotics', '机器人'],
      ['Drones', '无人机'],
      ['Machines', '机械'],
    ],
  },
  {
    sector: 'energy',
    beta: 1.1,
    nouns: [
      ['Solar', '光伏'],
      ['Wind', '风能'],
      ['Batteries', '电池'],
    ],
  },
  {
    sector: 'medicine',
    beta: 0.9,
    nouns: [
      ['Pharma', '医药'],
      ['Biotech', '生物'],
      ['Clinics', '医疗'],
    ],
  },
  {
    sector: 'banks',
    beta: 0.8,
    nouns: [
      ['Bank', '银行'],
      ['Insurance', '保险'],
      ['Capital', '资本'],
    ],
  },
  {
    sector: 'foods',
    beta: 0.5,
    nouns: [
      ['Foods', '食品'],
      ['Tea', '茶业'],
      ['Farms', '农业'],
    ],
  },
  {
    sector: 'travel',
    beta: 1.2,
    nouns: [
      ['Airways', '航空'],
      ['Hotels', '酒店'],
      ['Railways', '铁路'],
    ],
  },
  {
    sector: 'games',
    beta: 1.5,
    nouns: [
      ['Games', '游戏'],
      ['Pictures', '影业'],
      ['Music', '音乐'],
    ],
  },
  {
    sector: 'materials',
    beta: 1,
    nouns: [
      ['Steel', '钢铁'],
      ['Glass', '玻璃'],
      ['Paper', '纸业'],
    ],
  },
  {
    sector: 'shipping',
    beta: 0.9,
    nouns: [
      ['Shipping', '航运'],
      ['Ports', '港口'],
      ['Logistics', '物流'],
    ],
  },
  {
    sector: 'shops',
    beta: 0.7,
    nouns: [
      ['Stores', '百货'],
      ['Fashion', '服饰'],
      ['Toys', '玩具'],
    ],
  },
]

const firsts: readonly (readonly [en: string, zh: string])[] = [
  ['Ba', '巴'],
  ['Be', '贝'],
  ['Bo', '博'],
  ['Da', '达'],
  ['Do', '多'],
  ['Fe', '菲'],
  ['Fo', '福'],
  ['Ga', '嘉'],
  ['Ha', '哈'],
  ['Ja', '佳'],
  ['Jo', '乔'],
  ['Ka', '卡'],
  ['Ko', '科'],
  ['La', '拉'],
  ['Lu', '露'],
  ['Ma', '玛'],
  ['Mo', '墨'],
  ['Na', '娜'],
  ['No', '诺'],
  ['Pa', '帕'],
  ['Qi', '奇'],
  ['Ra', '瑞'],
  ['Ro', '罗'],
  ['Su', '苏'],
  ['Ta', '塔'],
  ['Vo', '沃'],
  ['Za', '扎'],
]

const seconds: readonly (readonly [en: string, zh: string])[] = [
  ['vel', '维'],
  ['rin', '林'],
  ['zor', '佐'],
  ['lux', '乐'],
  ['dan', '丹'],
  ['mir', '米'],
  ['tek', '泰'],
  ['nor', '诺尔'],
  ['sol', '索'],
  ['wen', '文'],
  ['bax', '巴克'],
  ['lim', '立'],
  ['gen', '根'],
  ['dor', '多'],
  ['kun', '坤'],
  ['mar', '马'],
  ['pix', '皮'],
  ['tan', '坦'],
  ['vik', '威'],
  ['zen', '真'],
]

/** One listed company. */
export interface Listing {
  readonly symbol: string
  readonly en: string
  readonly zh: string
  readonly sector: string
  /** Millions of shares: with the price, how large it is. */
  readonly shares: number
  /** What a share is worth in the long run, in cents. */
  readonly worth: number
  /** How much of the market's moves it takes part in. */
  readonly beta: number
  /** Trades a second in quiet hours. */
  readonly pace: number
}

/** How many companies are listed. */
export const LISTED: number = firsts.length * seconds.length

/** All companies of a market; the same for the same chance. */
export function listCompanies(chance: Chance): readonly Listing[] {
  const names = firsts.flatMap((first) => seconds.map((second) => [first, second] as const))
  shuffle(names, chance)
  return names.map(([[en1, zh1], [en2, zh2]], rank) => {
    const { sector, nouns, beta } = branches[rank % branches.length] as Branch
    const [en, zh] = nouns[Math.floor(rank / branches.length) % nouns.length] as readonly [string, string]
    // A few giants and many that are small; the large ones are traded most.
    const millions = (240_000 / (1 + rank / 9)) * (0.7 + 0.6 * chance.unit())
    const worth = Math.round(100 * 4 * 60 ** chance.unit())
    return {
      symbol: `${en1}${en2}`.toUpperCase(),
      en: `${en1}${en2} ${en}`,
      zh: `${zh1}${zh2}${zh}`,
      sector,
      shares: Math.max(1, Math.round(millions / (worth / 100))),
      worth,
      beta: beta * (0.8 + 0.4 * chance.unit()),
      pace: 0.25 + (18 / (1 + rank / 10)) * (0.6 + 0.8 * chance.unit()),
    }
  })
}

function shuffle<T>(items: T[], chance: Chance): void {
  for (let i = items.length - 1; i > 0; i--) {
    const j = chance.below(i + 1)
    ;[items[i], items[j]] = [items[j] as T, items[i] as T]
  }
}
