/**
 * What the clients' benches put round a client. LiveStore itself stays out of here: with it, there is no test
 * clock.
 */
import { assert, describe, it } from "@effect/vitest"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as SubscriptionRef from "effect/SubscriptionRef"
import * as TestClock from "effect/TestClock"
import type { Backend, Page } from "../src/client/backends.ts"
import type { Emission } from "../src/client/emissions.ts"
import { observe } from "../src/client/emissions.ts"
import type { Holding } from "../src/client/holding.ts"
import { holding } from "../src/client/holding.ts"
import { resize } from "../src/client/pages.ts"
import { eventAt } from "../src/events.ts"

type SeqNum = Page["batch"][number]["eventEncoded"]["seqNum"]

/** As LiveStore brands them. */
const seqNum = (value: number) => value as SeqNum

const pageOf = (
  from: number,
  to: number,
  pageInfo: Page["pageInfo"] = { _tag: "NoMore" }
): Page => ({
  batch: Array.from({ length: to - from + 1 }, (_, index) => {
    const { args, clientId, name, sessionId } = eventAt(from + index)
    return {
      eventEncoded: {
        name,
        args,
        clientId,
        sessionId,
        seqNum: seqNum(from + index),
        parentSeqNum: seqNum(from + index - 1)
      },
      metadata: Option.none()
    }
  }),
  pageInfo
})

const more = (remaining: number): Page["pageInfo"] => ({ _tag: "MoreKnown", remaining })

/** A backend that is given its pages and its answers by the test. */
const scripted = (pages: Stream.Stream<Page>, push: Effect.Effect<void> = Effect.void) =>
  Effect.map(SubscriptionRef.make(true), (isConnected): Backend => ({
    connect: Effect.void,
    pull: () => pages,
    push: () => push,
    ping: Effect.void,
    isConnected,
    metadata: { name: "scripted", description: "by a test" },
    supports: { pullPageInfoKnown: true, pullLive: true }
  }))

const pulled = (backend: Backend) =>
  Effect.map(Stream.runCollect(backend.pull(Option.none(), { live: true })), (pages) =>
    Chunk.toReadonlyArray(pages).map(({ batch, pageInfo }) => [
      batch.map(({ eventEncoded }) => Number(eventEncoded.seqNum)),
      pageInfo._tag === "MoreKnown" ? pageInfo.remaining : pageInfo._tag
    ])
  )

describe("pages of another size", () => {
  it.effect("are cut and joined, and only the last says so", () =>
    Effect.gen(function* () {
      const pages = Stream.make(pageOf(1, 5, more(3)), pageOf(6, 6, more(2)), pageOf(7, 8))
      const resized = yield* Effect.map(scripted(pages), resize(3))
      assert.deepStrictEqual(yield* pulled(resized), [
        [[1, 2, 3], 5],
        [[4, 5, 6], 2],
        [[7, 8], "NoMore"]
      ])
    })
  )

  it.effect("leave an empty one and each live one as they are", () =>
    Effect.gen(function* () {
      const pages = Stream.make(pageOf(1, 0), pageOf(1, 3), pageOf(4, 4))
      const resized = yield* Effect.map(scripted(pages), resize(3))
      assert.deepStrictEqual(yield* pulled(resized), [
        [[], "NoMore"],
        [[1, 2, 3], "NoMore"],
        [[4], "NoMore"]
      ])
    })
  )
})

it.effect("a pull is observed page by page", () =>
  Effect.gen(function* () {
    const emissions: Array<Emission> = []
    const pages = Stream.fromChunk(Chunk.make(pageOf(1, 2, more(1)), pageOf(3, 3)))
    const observed = yield* Effect.map(scripted(pages), observe(emissions))
    assert.strictEqual((yield* pulled(observed)).length, 2)
    assert.deepStrictEqual(
      emissions.map(({ seqNums }) => seqNums),
      [[1, 2], [3]]
    )
    const times = emissions.flatMap(({ askedAt, givenAt }) => [askedAt, givenAt])
    assert.deepStrictEqual(
      times,
      times.toSorted((a, b) => a - b)
    )
  })
)

describe("a page that comes while a push is open", () => {
  /** Begins both, with LiveStore at work for 5 ms on a page. `story`: what happens, in its order. */
  const race = (way: Holding["way"]) =>
    Effect.gen(function* () {
      const story: Array<string> = []
      const tell = (what: string) => Effect.sync(() => story.push(what))
      const pages = yield* Queue.unbounded<Page>()
      const answer = yield* Effect.makeLatch(false)
      const backend = yield* Effect.map(
        scripted(Stream.fromQueue(pages), answer.await),
        holding({ way, maxMs: 50 })
      )
      yield* backend.pull(Option.none(), { live: true }).pipe(
        Stream.runForEach(() =>
          tell("page").pipe(Effect.delay("5 millis"), Effect.zipRight(tell("page done")))
        ),
        Effect.fork
      )
      yield* Effect.fork(Effect.zipRight(backend.push([]), tell("answer")))
      yield* Effect.yieldNow()
      yield* Queue.offer(pages, pageOf(1, 1))
      return { answer: answer.open, story }
    })

  it.effect("does not wait, as it is", () =>
    Effect.gen(function* () {
      const { answer, story } = yield* race("none")
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(story, ["page", "page done"])
      yield* answer
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(story, ["page", "page done", "answer"])
    })
  )

  it.effect("waits until the push is answered", () =>
    Effect.gen(function* () {
      const { answer, story } = yield* race("untilAnswer")
      yield* TestClock.adjust("49 millis")
      assert.deepStrictEqual(story, [])
      yield* answer
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(story, ["answer", "page", "page done"])
    })
  )

  it.effect("waits no longer than it is told", () =>
    Effect.gen(function* () {
      const { story } = yield* race("untilAnswer")
      yield* TestClock.adjust("55 millis")
      assert.deepStrictEqual(story, ["page", "page done"])
    })
  )

  it.effect("comes before the answer, if that is to wait for it", () =>
    Effect.gen(function* () {
      const { answer, story } = yield* race("pageFirst")
      yield* TestClock.adjust("49 millis")
      assert.deepStrictEqual(story, [])
      yield* answer
      yield* TestClock.adjust("5 millis")
      assert.deepStrictEqual(story, ["page", "page done", "answer"])
    })
  )
})
