/** Fits a canvas to the screen's points, and empties it. Returns its context, with one unit a CSS pixel. */
export function prepare(
  canvas: HTMLCanvasElement,
  width: number,
  height: number,
): CanvasRenderingContext2D | null {
  const ratio = Math.min(devicePixelRatio, 2)
  const [across, down] = [Math.round(width * ratio), Math.round(height * ratio)]
  const context = canvas.getContext('2d')
  if (canvas.width !== across || canvas.height !== down) {
    canvas.width = across
    canvas.height = down
  }
  context?.setTransform(ratio, 0, 0, ratio, 0, 0)
  context?.clearRect(0, 0, width, height)
  return context
}
