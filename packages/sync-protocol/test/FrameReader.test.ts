/** The reader by hand says what the Schemas say, of good frames and of bad ones. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as Frame from "../src/Frame.ts"
import * as FrameReader from "../src/FrameReader.ts"
import * as Message from "../src/Message.ts"
import { anything, event, id, loosely, text, position } from "./utils/loosely.ts"

const seeded = { fastCheck: { seed: 20_260_801, numRuns: 400 } }

const bySchema = {
  frame: Schema.decodeUnknownEither(Frame.ClientFrameFromText),
  push: Schema.decodeUnknownEither(Message.PushRequest)
}

/** What was read, or that nothing could be. */
const outcome = <A, E>(read: Either.Either<A, E>) =>
  Either.match(read, { onLeft: () => "unreadable", onRight: (value) => ({ value }) })

const option = FastCheck.oneof(
  FastCheck.constant({ _tag: "None" }),
  loosely({ _tag: FastCheck.constantFrom("Some", "None", "Other"), value: text })
)

const push = loosely({
  storeId: text,
  payload: anything,
  batch: FastCheck.array(event, { maxLength: 3 }),
  backendId: option
})

const frame = FastCheck.oneof(
  loosely({
    _tag: FastCheck.constant("Request"),
    id,
    tag: text,
    payload: anything,
    headers: FastCheck.oneof(
      FastCheck.constant([]),
      FastCheck.array(FastCheck.tuple(text, text), { maxLength: 2 }),
      anything
    )
  }),
  loosely({
    _tag: FastCheck.constant("Request"),
    id,
    tag: text,
    payload: anything,
    traceId: text,
    spanId: text,
    sampled: FastCheck.boolean()
  }),
  loosely({
    _tag: FastCheck.constantFrom("Ack", "Interrupt", "Ping", "Eof", "Pong"),
    requestId: id
  }),
  loosely({ _tag: FastCheck.constant("Ack"), requestId: id, chunks: position })
)

describe("FrameReader", () => {
  it.prop(
    "[FRAME-2][FRAME-3] reads a frame as its Schema does",
    { frame },
    ({ frame }) => {
      const json = JSON.stringify(frame)
      expect(outcome(FrameReader.clientFrame(json))).toEqual(outcome(bySchema.frame(json)))
    },
    seeded
  )

  it.prop(
    "[FRAME-5] reads any text as its Schema does",
    {
      text: FastCheck.oneof(FastCheck.string(), FastCheck.json(), FastCheck.string16bits())
    },
    ({ text }) => {
      expect(outcome(FrameReader.clientFrame(text))).toEqual(outcome(bySchema.frame(text)))
    },
    seeded
  )

  it.prop(
    "[EVENT-1][EVENT-2] reads a push as its Schema does",
    { push: FastCheck.oneof({ weight: 9, arbitrary: push }, { weight: 1, arbitrary: anything }) },
    ({ push }) => {
      const payload: unknown = JSON.parse(JSON.stringify(push))
      expect(outcome(FrameReader.pushRequest(payload))).toEqual(outcome(bySchema.push(payload)))
    },
    seeded
  )

  it("[EVENT-1] the property sees both readable and unreadable pushes", () => {
    const samples = FastCheck.sample(push, { seed: 1, numRuns: 500 })
    const readable = samples.filter((sample) =>
      Either.isRight(bySchema.push(JSON.parse(JSON.stringify(sample))))
    )
    expect(readable.length).toBeGreaterThan(50)
    expect(readable.length).toBeLessThan(450)
  })
})
