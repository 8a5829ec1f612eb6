/** Made by web/book/plugin.ts. */
declare module 'virtual:sections' {
  export const sections: readonly {
    /** The section's address. */
    readonly id: string
    readonly page: string
    readonly title: string
    readonly text: string
  }[]
}
