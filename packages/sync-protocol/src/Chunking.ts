/**
 * Splitting a batch so that each part fits into a frame.
 *
 * @since 0.1.0
 */

const encoder = new TextEncoder()

/**
 * The bytes of a text in UTF-8, which is what a frame's size is measured in.
 *
 * @since 0.1.0
 * @category sizes
 */
export const byteLength = (text: string): number =>
  // Most of what is measured is ASCII, and then nothing has to be encoded.
  /^[\0-\x7f]*$/.test(text) ? text.length : encoder.encode(text).length

/**
 * Splits `items` into runs, in order, of at most `maxItems` items and `maxBytes` bytes each.
 *
 * `sizeOf`: bytes that an item takes, its separator included. An item that is larger than
 * `maxBytes` by itself gets a run of its own: whether it may be sent at all is the caller's to say.
 * No items, no runs.
 *
 * @since 0.1.0
 * @category chunking
 */
export const chunkByBytes = <A>(
  items: ReadonlyArray<A>,
  options: {
    readonly maxItems: number
    readonly maxBytes: number
    readonly sizeOf: (item: A) => number
  }
): ReadonlyArray<ReadonlyArray<A>> => {
  const runs: Array<Array<A>> = []
  let run: Array<A> = []
  let bytes = 0
  for (const item of items) {
    const size = options.sizeOf(item)
    if (run.length > 0 && (run.length >= options.maxItems || bytes + size > options.maxBytes)) {
      runs.push(run)
      run = []
      bytes = 0
    }
    run.push(item)
    bytes += size
  }
  if (run.length > 0) runs.push(run)
  return runs
}
