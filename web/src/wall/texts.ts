import type { Notice, Refusal } from '../../../src/demo/wall/desk.ts'
import type { Rise } from '../shell/rise.ts'
import type { Order } from './selection.ts'

export type View = 'tiles' | 'map'
export type Side = 'buy' | 'sell'

export interface Texts {
  readonly title: string
  readonly lead: string
  readonly loading: string
  readonly day: (day: number) => string
  readonly left: (clock: string) => string
  readonly timetable: string
  /** `here`: the node this page reads on; both are the same where it is that one. */
  readonly where: (market: string, here: string) => string
  readonly moved: (node: string) => string
  readonly breadth: (up: number, down: number, flat: number) => string
  readonly cost: string
  readonly made: string
  readonly received: string
  readonly spared: string
  readonly down: string
  readonly perSecond: (count: string) => string
  readonly pace: string
  readonly hz: (hz: number) => string
  readonly paceHints: Readonly<Record<number, string>>
  readonly pause: string
  readonly goOn: string
  readonly pauseHint: string
  readonly pausedSince: (seconds: string) => string
  readonly stale: (time: string) => string
  readonly back: (seconds: string) => string
  readonly wentOn: (seconds: string) => string
  readonly anew: (reason: string) => string
  readonly search: string
  readonly searchHint: string
  readonly sector: string
  readonly allSectors: string
  readonly order: string
  readonly orders: Readonly<Record<Order, string>>
  readonly view: string
  readonly views: Readonly<Record<View, string>>
  readonly rise: string
  readonly rises: Readonly<Record<Rise, string>>
  readonly shown: (shown: number, all: number) => string
  readonly noneFound: string
  readonly showAll: string
  readonly tilesLabel: string
  readonly keysHelp: string
  /** The same for fingers. */
  readonly touchHelp: string
  readonly mapLabel: string
  readonly mapHelp: string
  readonly legend: string
  readonly marketValue: string
  readonly volume: string
  readonly open: string
  readonly high: string
  readonly low: string
  readonly previous: string
  readonly chart: (name: string) => string
  readonly noChart: string
  readonly chooseOne: string
  readonly close: string
  readonly side: string
  readonly sides: Readonly<Record<Side, string>>
  readonly type: string
  readonly market: string
  readonly limit: string
  readonly quantity: string
  readonly limitPrice: string
  readonly all: string
  readonly place: (side: Side, quantity: string, symbol: string) => string
  readonly about: (sum: string) => string
  readonly ordering: string
  readonly taken: (id: number, ms: number) => string
  readonly refused: Readonly<Record<Refusal, string>>
  readonly badQuantity: (most: string) => string
  readonly badLimit: string
  readonly notSent: string
  readonly uncertain: string
  readonly noConnection: string
  readonly account: string
  readonly cash: string
  readonly worth: string
  readonly result: string
  readonly playMoney: string
  readonly holdings: string
  readonly noHoldings: string
  readonly shares: (quantity: string) => string
  readonly paid: (price: string) => string
  readonly openOrders: string
  readonly noOrders: string
  readonly progress: (filled: string, quantity: string) => string
  readonly at: (price: string) => string
  readonly cancel: string
  readonly cancelHint: (id: number) => string
  readonly tooLate: string
  readonly pushes: Readonly<Record<Notice['event'], (push: PushText) => string>>
  readonly news: string
  readonly noNews: string
  readonly good: string
  readonly bad: string
}

/** What is said of a push: `price` and `sum` are money already. */
interface PushText {
  readonly id: number
  readonly side: Side
  readonly symbol: string
  readonly quantity: string
  readonly price: string
  readonly left: string
}
