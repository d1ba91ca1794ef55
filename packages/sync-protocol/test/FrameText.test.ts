/** Text built by hand is what the Schemas write, for every event there can be. */
// Vitest takes two objects with a key "constructor" for instances of different classes.
import { deepStrictEqual } from "node:assert/strict"
import { describe, expect, it } from "@effect/vitest"
import * as Exit from "effect/Exit"
import * as FastCheck from "effect/FastCheck"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Dialect, Frame, FrameText, Message, SyncError } from "../src/index.ts"
import { anyString, backendId, logEvent, requestId, seeded, seqNum } from "./utils/arbitraries.ts"

const pulled = FastCheck.record({
  eventEncoded: logEvent,
  createdAt: FastCheck.oneof(FastCheck.constant("2026-11-24T04:39:10.711Z"), anyString)
}).map(({ createdAt, eventEncoded }): Message.PulledEvent => ({
  eventEncoded,
  metadata: Option.some({ _tag: "SyncMessage.SyncMetadata", createdAt })
}))

const pageInfo: FastCheck.Arbitrary<Message.PageInfo> = FastCheck.oneof(
  FastCheck.constant<Message.PageInfo>({ _tag: "NoMore" }),
  FastCheck.constant<Message.PageInfo>({ _tag: "MoreUnknown" }),
  seqNum.map((remaining): Message.PageInfo => ({ _tag: "MoreKnown", remaining }))
)

const page: FastCheck.Arbitrary<Message.PullResponse> = FastCheck.record({
  batch: FastCheck.array(pulled, { maxLength: 4 }),
  pageInfo,
  backendId
})

const exit: FastCheck.Arbitrary<Dialect.RequestExit> = FastCheck.oneof(
  FastCheck.constantFrom<Array<Dialect.RequestExit>>(
    Exit.void,
    Exit.succeed({}),
    Exit.interrupt(FiberId.none)
  ),
  FastCheck.tuple(seqNum, seqNum).map(([minimumExpectedNum, providedNum]) =>
    Exit.fail(new SyncError.ServerAheadError({ minimumExpectedNum, providedNum }))
  ),
  FastCheck.tuple(anyString, anyString).map(([expected, received]) =>
    Exit.fail(new SyncError.BackendIdMismatchError({ expected, received }))
  ),
  anyString.map((message) => Exit.fail(new SyncError.UnknownError({ cause: new Error(message) }))),
  anyString.map((message) => Exit.die(message))
)

const eventText = (event: Message.PulledEvent): string =>
  FrameText.pulledEvent({
    ...event.eventEncoded,
    args: "args" in event.eventEncoded ? JSON.stringify(event.eventEncoded.args) : undefined,
    createdAt: Option.match(event.metadata, {
      onNone: () => "",
      onSome: (metadata) => metadata.createdAt
    })
  })

const pageText = (response: Message.PullResponse): string =>
  FrameText.pullResponse(
    response.batch.map(eventText).join(","),
    response.pageInfo,
    response.backendId
  )

/** Both as they travel: as JSON text, read again. */
const expectSameJson = (text: string, encoded: unknown) => {
  deepStrictEqual(JSON.parse(text), JSON.parse(JSON.stringify(encoded)))
}

describe("[FRAME-2] text by hand equals text by Schema", () => {
  it.prop(
    "[EVENT-1] pulledEvent",
    [pulled],
    ([event]) => {
      expectSameJson(eventText(event), Schema.encodeSync(Message.PulledEvent)(event))
    },
    seeded
  )

  it.prop(
    "[EVENT-1] an absent args stays absent, null stays null",
    [pulled],
    ([event]) => {
      const { eventEncoded } = JSON.parse(eventText(event))
      expect(Object.hasOwn(eventEncoded, "args")).toBe("args" in event.eventEncoded)
      if (event.eventEncoded.args === null) expect(eventEncoded.args).toBe(null)
    },
    seeded
  )

  it.prop(
    "[PULL-10] pullResponse",
    [page],
    ([response]) => {
      expectSameJson(pageText(response), Schema.encodeSync(Message.PullResponse)(response))
    },
    seeded
  )

  it.prop(
    "[FRAME-2] chunk",
    [requestId, page],
    ([id, response]) => {
      const text = FrameText.chunk(id, pageText(response))
      const frame: Frame.Chunk = { _tag: "Chunk", requestId: id, values: [response] }
      expectSameJson(text, Schema.encodeSync(Frame.Chunk)(frame))
      deepStrictEqual(Schema.decodeUnknownSync(Frame.ServerFrameFromText)(text), frame)
    },
    seeded
  )

  it.prop(
    "[FRAME-8] exit",
    [requestId, exit],
    ([id, ended]) => {
      const encoded = Dialect.effect3.encode(ended)
      const text = FrameText.exit(id, encoded)
      const frame: Frame.Exit = { _tag: "Exit", requestId: id, exit: encoded }
      expectSameJson(text, Schema.encodeSync(Frame.Exit)(frame))
      const decoded = Schema.decodeUnknownSync(Frame.ServerFrameFromText)(text)
      deepStrictEqual(decoded, JSON.parse(JSON.stringify(frame)))
    },
    seeded
  )

  it("[EVENT-2] the ends of the range of positions", () => {
    const event = {
      name: "n",
      args: undefined,
      seqNum: Number.MAX_SAFE_INTEGER,
      parentSeqNum: 0,
      clientId: "c",
      sessionId: "s",
      createdAt: "2026-11-24T04:39:10.711Z"
    }
    expect(FrameText.pulledEvent(event)).toContain(`"seqNum":9007199254740991,"parentSeqNum":0,`)
  })
})

describe("pageInfoAt", () => {
  it.prop(
    "[PULL-3] NoMore at the head, else the distance to it",
    [seqNum, seqNum],
    ([position, head]) => {
      expect(FrameText.pageInfoAt(position, head)).toStrictEqual(
        position < head ? { _tag: "MoreKnown", remaining: head - position } : { _tag: "NoMore" }
      )
    },
    seeded
  )

  it("[PULL-3] at, before and beyond the head", () => {
    expect(FrameText.pageInfoAt(0, 0)).toStrictEqual(Message.noMore)
    expect(FrameText.pageInfoAt(3, 3)).toStrictEqual(Message.noMore)
    expect(FrameText.pageInfoAt(4, 3)).toStrictEqual(Message.noMore)
    expect(FrameText.pageInfoAt(2, 3)).toStrictEqual({ _tag: "MoreKnown", remaining: 1 })
  })
})
