import { words } from '../shell/language.ts'
import type { Texts } from './texts.ts'
import { chinese } from './words-zh.ts'
import { english } from './words-en.ts'

export const text: Texts = words<Texts>({ en: english, zh: chinese })
