declare module '*.css' {}

interface ImportMeta {
  /** Files as texts, by their paths, which the bundler puts in. */
  glob(
    pattern: string,
    options: { readonly query: '?raw'; readonly import: 'default'; readonly eager: true },
  ): Readonly<Record<string, string>>
}
