/* What the page and the tests see of the battle's rules. */

export { botNames, botWish } from './bots.ts'
export { type FrameLike, step } from './rules.ts'
export * from './state.ts'
export { type Wish, wishOf } from './wishes.ts'
