// What the pure folders may use beyond the language itself: codecs that every browser, Node and
// mini-program runtime has, and that neither read a clock nor touch the outside.
declare class TextEncoder {
  encode(source: string): Uint8Array
  encodeInto(source: string, destination: Uint8Array): { read: number; written: number }
}
declare class TextDecoder {
  constructor(label: string, options: { fatal: boolean; ignoreBOM: boolean })
  decode(bytes: Uint8Array): string
}
declare function atob(base64: string): string
declare function btoa(binary: string): string
