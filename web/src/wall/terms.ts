import type { Phase } from '../../../src/demo/wall/sessions.ts'
import { words } from '../shell/language.ts'

/* What the market calls things, in the language of the page. */

export const sectors: Readonly<Record<string, string>> = words({
  en: {
    chips: 'Chips',
    software: 'Software',
    robots: 'Robots',
    energy: 'Energy',
    medicine: 'Medicine',
    banks: 'Banks',
    foods: 'Foods',
    travel: 'Travel',
    games: 'Games',
    materials: 'Materials',
    shipping: 'Shipping',
    shops: 'Shops',
  },
  zh: {
    chips: '芯片',
    software: '软件',
    robots: '机器人',
    energy: '能源',
    medicine: '医药',
    banks: '金融',
    foods: '食品',
    travel: '旅游',
    games: '文娱',
    materials: '材料',
    shipping: '航运',
    shops: '零售',
  },
})

interface PhaseText {
  readonly name: string
  /** What becomes of orders in it. */
  readonly orders: string
}

export const phases: Readonly<Record<Phase, PhaseText>> = words<Readonly<Record<Phase, PhaseText>>>({
  en: {
    opening: {
      name: 'Opening auction',
      orders: 'Opening auction: prices stand still; orders are filled once trading begins.',
    },
    morning: { name: 'Morning trading', orders: '' },
    lunch: { name: 'Lunch break', orders: 'Lunch break: your order waits for the afternoon.' },
    afternoon: { name: 'Afternoon trading', orders: '' },
    closing: {
      name: 'Closing auction',
      orders: 'Closing auction: nothing more is filled today, and open orders end at the close.',
    },
    closed: { name: 'Market closed', orders: 'The market is closed: your order waits for the next morning.' },
  },
  zh: {
    opening: { name: '开盘集合竞价', orders: '开盘集合竞价：价格暂停变动，开始交易后成交。' },
    morning: { name: '上午交易', orders: '' },
    lunch: { name: '午间休市', orders: '午间休市：委托将等到下午成交。' },
    afternoon: { name: '下午交易', orders: '' },
    closing: { name: '收盘集合竞价', orders: '收盘集合竞价：今日不再成交，未成交委托在收盘时失效。' },
    closed: { name: '已收盘', orders: '已收盘：委托将等到次日上午。' },
  },
})

type NewsText = Readonly<Record<string, (who: string) => string>>

/** By the kind of the news; `who` is a company or a sector. */
const headlines: NewsText = words<NewsText>({
  en: {
    results: (who) => `${who} earns more than expected`,
    contract: (who) => `${who} wins a large contract`,
    patent: (who) => `${who} is granted a key patent`,
    upgrade: (who) => `Analysts upgrade ${who}`,
    warning: (who) => `${who} warns of lower profits`,
    recall: (who) => `${who} recalls a product`,
    outage: (who) => `${who} suffers an outage`,
    downgrade: (who) => `Analysts downgrade ${who}`,
    boom: (who) => `${who}: demand booms across the sector`,
    slump: (who) => `${who}: the whole sector slumps`,
  },
  zh: {
    results: (who) => `${who}业绩超出预期`,
    contract: (who) => `${who}拿下大单`,
    patent: (who) => `${who}获得关键专利`,
    upgrade: (who) => `分析师上调${who}评级`,
    warning: (who) => `${who}发布盈利预警`,
    recall: (who) => `${who}召回产品`,
    outage: (who) => `${who}遭遇停摆`,
    downgrade: (who) => `分析师下调${who}评级`,
    boom: (who) => `${who}板块需求大涨`,
    slump: (who) => `${who}板块集体走弱`,
  },
})

export const headline = (kind: string, who: string): string => headlines[kind]?.(who) ?? who
