/**
 * The copy itself: compare what is there, write what is not, and go on with comparing. Each pass is the same work,
 * so a copy that was broken off goes on where it was by being started again; and once there is nothing to write,
 * every event has been read from both sides, after it was written.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Batches from "./Batches.ts"
import * as Comparison from "./Comparison.ts"
import { type CopyError, SourceEmpty, Stopped } from "./CopyError.ts"
import { Destination, mustBeSame } from "./Destination.ts"
import * as Digest from "./Digest.ts"
import * as LogReader from "./LogReader.ts"
import { type Phase, Progress } from "./Progress.ts"
import type { ServerKind } from "./ServerKind.ts"
import { Source } from "./Source.ts"

/**
 * A copy that is verified: every event of both logs was read and compared after it was written, up to `head`,
 * where the source ended when it was looked at last.
 *
 * - `events`: how many there are, `copied`: how many of them this copy has written, `bytes`: the JSON of those.
 * - `head`: the `seqNum` of the last one.
 * - `digest`: of all of them, see `Digest`.
 * - `durationMs`: all of it, in ms.
 *
 * @since 0.1.0
 * @category models
 */
export interface Summary {
  readonly events: number
  readonly copied: number
  readonly bytes: number
  readonly head: number
  readonly digest: string
  readonly sourceBackendId: string
  readonly destinationBackendId: string
  readonly destinationKind: ServerKind
  readonly durationMs: number
}

/**
 * - `follow`: whether to go on with what comes to the source, until told to stop.
 * - `until`: succeeds when somebody says stop. A copy that follows ends in order then, and is verified; another
 *   one, or one that does not follow yet, fails with `Stopped`. Default: nobody does.
 *
 * @since 0.1.0
 * @category models
 */
export interface CopyOptions {
  readonly follow?: boolean | undefined
  readonly until?: Effect.Effect<void> | undefined
}

/** What is held against the source: so many events, up to a position of each log. */
interface Verified {
  readonly source: LogReader.Position
  readonly destination: LogReader.Position
  readonly events: number
  readonly digest: Digest.Digest
}

const nothing = (): Verified => ({
  source: LogReader.START,
  destination: LogReader.START,
  events: 0,
  digest: Digest.make()
})

/**
 * A source that is written to all the time would be copied for ever. Each of these rounds is shorter than the one
 * before.
 */
const MAX_ROUNDS = 10

/**
 * Copies the source to the destination and verifies it.
 *
 * @since 0.1.0
 * @category copying
 */
export const copy: (
  options?: CopyOptions
) => Effect.Effect<Summary, CopyError, Source | Destination | Progress> = Effect.fn("Copy.copy")(
  function* (options: CopyOptions = {}) {
    const source = yield* Source
    const destination = yield* Destination
    const progress = yield* Progress
    const startedAt = yield* Clock.currentTimeMillis
    const until = options.until ?? Effect.never
    const copied = yield* Ref.make(0)
    const bytes = yield* Ref.make(0)

    /** Writes what the source has ready, one batch after the other, and gives the last event of it. */
    const write = Effect.fnUntraced(function* (
      from: LogReader.LogReader,
      head: LogReader.Position,
      onWritten: (batch: Batches.Batch) => Effect.Effect<void, CopyError>
    ) {
      let at = head
      for (const batch of Batches.split(from.buffered())) {
        from.take(batch.events.length)
        yield* destination.append(batch, at)
        at = { backendId: head.backendId, seqNum: batch.events.at(-1)?.seqNum ?? at.seqNum }
        yield* Ref.update(copied, (count) => count + batch.events.length)
        yield* Ref.update(bytes, (sum) => sum + batch.bytes)
        yield* onWritten(batch)
      }
      return at
    })

    /** Takes a run of events that are there on both sides into what is verified. */
    const compare = Effect.fnUntraced(function* (
      one: LogReader.LogReader,
      other: LogReader.LogReader,
      verified: Verified
    ) {
      const stored = other.take(
        Math.max(1, Math.min(one.buffered().length, other.buffered().length))
      )
      const events = one.take(stored.length)
      for (const [index, event] of stored.entries()) {
        yield* mustBeSame(events[index], event, destination.comparison)
        yield* verified.digest.add(Comparison.line(event))
      }
      return {
        ...verified,
        source: one.position(),
        destination: other.position(),
        events: verified.events + stored.length
      }
    })

    /**
     * Compares both logs from where they are verified up to, as far as the destination goes; then writes what
     * the source has beyond, unless this is the last round.
     */
    const pass = Effect.fnUntraced(function* (
      from: Verified,
      round: { readonly phase: Phase; readonly mayWrite: boolean }
    ) {
      const one = yield* source.open({ from: from.source, live: false })
      const other = yield* destination.open({ from: from.destination, live: false })
      let verified = from
      const report = (phase: Phase, done: number) =>
        progress.report({ phase, done, total: done + one.remaining() })

      while (yield* other.hasNext) {
        yield* one.hasNext
        verified = yield* compare(one, other, verified)
        yield* report(round.phase, verified.events)
      }
      // Also a page without events tells whose log it is.
      const hasMore = yield* one.hasNext
      verified = { ...verified, source: one.position(), destination: other.position() }
      if (!hasMore && verified.events === 0) {
        return yield* new SourceEmpty({ storeId: source.side.storeId })
      }
      let written = 0
      let head = verified.destination
      while (round.mayWrite && (yield* one.hasNext)) {
        head = yield* write(one, head, (batch) => {
          written += batch.events.length
          return report("copying", verified.events + written)
        })
      }
      return { verified, written }
    }, Effect.scoped)

    /** One pass after the other, each from where the last one has compared up to, until nothing is to be written. */
    const catchUp = Effect.fnUntraced(function* (from: Verified) {
      let verified = from
      for (let round = 0; ; round++) {
        const phase = round === 0 ? "comparing" : "verifying"
        const done = yield* pass(verified, { phase, mayWrite: round < MAX_ROUNDS })
        verified = done.verified
        if (done.written === 0) return verified
      }
    })

    /** Waits for what was just written to come back. */
    const readBack = Effect.fnUntraced(function* (
      batch: Batches.Batch,
      other: LogReader.LogReader
    ) {
      for (let count = 0; count < batch.events.length;) {
        yield* destination.side.bounded(other.hasNext)
        for (const stored of other.take(batch.events.length - count)) {
          yield* mustBeSame(batch.events[count], stored, destination.comparison)
          count += 1
        }
      }
    })

    /** Copies what comes as it comes, until told to stop. That it is there, the next pass verifies. */
    const follow = Effect.fnUntraced(function* (from: Verified) {
      const one = yield* source.open({ from: from.source, live: true })
      const other = yield* destination.open({ from: from.destination, live: true })
      let done = from.events
      const report = Effect.suspend(() =>
        progress.report({ phase: "following", done, total: done + one.remaining() })
      )
      yield* report
      const stopped = Effect.as(until, false)
      while (yield* Effect.raceFirst(stopped, one.hasNext)) {
        yield* write(one, other.position(), (batch) =>
          Effect.zipRight(
            readBack(batch, other),
            Effect.suspend(() => {
              done += batch.events.length
              return report
            })
          )
        )
      }
    }, Effect.scoped)

    const stop = Effect.flatMap(until, () =>
      Effect.flatMap(Ref.get(copied), (count) => new Stopped({ copied: count }))
    )
    const caughtUp = yield* Effect.raceFirst(catchUp(nothing()), stop)
    if (options.follow === true) yield* follow(caughtUp)
    const verified = options.follow === true ? yield* catchUp(caughtUp) : caughtUp

    return {
      events: verified.events,
      copied: yield* Ref.get(copied),
      bytes: yield* Ref.get(bytes),
      head: verified.destination.seqNum,
      digest: yield* verified.digest.hex,
      sourceBackendId: Option.getOrElse(verified.source.backendId, () => ""),
      destinationBackendId: Option.getOrElse(verified.destination.backendId, () => ""),
      destinationKind: destination.kind,
      durationMs: (yield* Clock.currentTimeMillis) - startedAt
    }
  }
)
