import { botNames } from '../../../src/demo/battle/index.ts'
import { nameOf } from '../shell/guest.ts'
import { words } from '../shell/language.ts'

type BotName = (typeof botNames)[number]

const bots = words<Partial<Record<BotName, string>>>({
  en: {},
  zh: {
    Ember: '小炭',
    Lantern: '灯笼',
    Sparky: '火花',
    Gong: '铜锣',
    Ginger: '姜丫',
    Drum: '阿鼓',
    Comet: '彗星',
    Clover: '小福',
    Cinder: '小红',
  },
})

/** What a player is called on this page: bots have a name in its language. */
export function playerName(user: string): string {
  const name = nameOf(user)
  return /~(?:bot|show)$/.test(user) ? (bots[name as BotName] ?? name) : name
}
