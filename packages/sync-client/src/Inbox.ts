/**
 * What has arrived of a pull and its consumer has not taken. As much as it is going to be given at once is admitted:
 * that is acknowledged as it comes, so that the next pages are under way meanwhile.
 *
 * @since 0.1.0
 */
import type * as Message from "@tidelog/sync-protocol/Message"

/**
 * @since 0.1.0
 * @category models
 */
export interface Inbox {
  /**
   * Takes in the pages of a chunk. `size`: the characters of its frame. `onAdmitted` is called with the last one,
   * now or when there is room for it.
   */
  readonly add: (
    pages: readonly [Message.PullResponse, ...Array<Message.PullResponse>],
    size: number,
    onAdmitted: (last: Message.PullResponse) => void
  ) => void
  /** What is admitted, as one page, and makes room for what is not. */
  readonly take: () => Message.PullResponse | undefined
  readonly clear: () => void
  readonly isEmpty: () => boolean
  /** Whether pages wait that are not admitted. */
  readonly isHeldUp: () => boolean
  /** Whether no more is taken in. */
  readonly isFull: () => boolean
  /** Whether the consumer is given as much as it may be at once. */
  readonly isReady: () => boolean
}

/** What the consumer is given at once, if there is as much: every page that LiveStore is given makes it rebase. */
const MAX_EVENTS = 1_000
const MAX_CHARACTERS = 1_000_000

/** Pages that wait unadmitted before further ones are put off. Servers send 16 unasked, ours 25. */
const MAX_WAITING = 32

interface Waiting {
  readonly page: Message.PullResponse
  readonly size: number
  readonly onAdmitted: (() => void) | undefined
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = (): Inbox => {
  let admitted: Array<Message.PullResponse> = []
  let waiting: Array<Waiting> = []
  let events = 0
  let characters = 0

  const isReady = () => events >= MAX_EVENTS || characters >= MAX_CHARACTERS

  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined && !isReady(); next = waiting[0]) {
      waiting.shift()
      admitted.push(next.page)
      events += next.page.batch.length
      characters += next.size
      next.onAdmitted?.()
    }
  }

  const clear = (): ReadonlyArray<Message.PullResponse> => {
    const pages = admitted
    admitted = []
    events = 0
    characters = 0
    return pages
  }

  return {
    add: (pages, size, onAdmitted) => {
      for (const [index, page] of pages.entries()) {
        const isLast = index === pages.length - 1
        // A frame counts once.
        waiting.push({
          page,
          size: isLast ? size : 0,
          onAdmitted: isLast ? () => onAdmitted(page) : undefined
        })
      }
      admit()
    },
    take: () => {
      const pages = clear()
      admit()
      const last = pages.at(-1)
      return last === undefined || pages.length === 1
        ? last
        : { ...last, batch: pages.flatMap(({ batch }) => batch) }
    },
    clear: () => {
      waiting = []
      clear()
    },
    isEmpty: () => admitted.length === 0 && waiting.length === 0,
    isHeldUp: () => waiting.length > 0,
    isFull: () => waiting.length >= MAX_WAITING,
    isReady
  }
}
