import { fileURLToPath } from 'node:url'

/**
 * Where a file of this package lies; undefined in a bundle of CommonJS, which does not know where it is. In another
 * bundle the file is missing, or is not of this package.
 */
export function ofPackage(path: string): string | undefined {
  const { url } = import.meta as { readonly url?: string }
  return url === undefined ? undefined : fileURLToPath(new URL(`../../../${path}`, url))
}
