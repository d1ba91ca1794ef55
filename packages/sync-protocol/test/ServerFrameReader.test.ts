/** The reader by hand says what the Schema says, of good frames and of bad ones. */
import { describe, expect, it } from "@effect/vitest"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as Frame from "../src/Frame.ts"
import * as ServerFrameReader from "../src/ServerFrameReader.ts"
import { anything, event, id, loosely, position, text } from "./utils/loosely.ts"

const seeded = { fastCheck: { seed: 20_261_128, numRuns: 1_000 } }

const bySchema = Schema.decodeUnknownEither(Frame.ServerFrameFromText)

/** What was read, key by key, or that nothing could be. */
const outcomes = (json: string) => ({
  byHand: ServerFrameReader.serverFrame(json) ?? "unreadable",
  bySchema: Either.getOrElse(bySchema(json), () => "unreadable")
})

const metadata = FastCheck.oneof(
  FastCheck.constant({ _tag: "None" }),
  loosely({
    _tag: FastCheck.constantFrom("Some", "Some", "None", "Other"),
    value: loosely({
      _tag: FastCheck.constantFrom("SyncMessage.SyncMetadata", "SyncMessage.SyncMetadata", "Other"),
      createdAt: text
    })
  })
)

const page = loosely({
  batch: FastCheck.array(loosely({ eventEncoded: event, metadata }), { maxLength: 2 }),
  pageInfo: loosely({
    _tag: FastCheck.constantFrom("NoMore", "MoreUnknown", "MoreKnown", "MoreKnown", "Other"),
    remaining: position
  }),
  backendId: FastCheck.oneof(
    { weight: 8, arbitrary: FastCheck.stringMatching(/^[A-Za-z0-9_-]{1,64}$/) },
    { weight: 1, arbitrary: FastCheck.constantFrom("", "a'b", "x".repeat(65), "a\n", 7) }
  )
})

const frame = FastCheck.oneof(
  {
    weight: 8,
    arbitrary: FastCheck.oneof(
      loosely({
        _tag: FastCheck.constant("Chunk"),
        requestId: id,
        values: FastCheck.array(page, { maxLength: 2 })
      }),
      loosely({
        _tag: FastCheck.constant("Chunk"),
        requestId: id,
        values: FastCheck.array(page, { minLength: 1, maxLength: 1 }),
        server: loosely({
          sparingAcks: FastCheck.boolean(),
          expiresIn: FastCheck.oneof(position, FastCheck.double({ noNaN: true }))
        })
      })
    )
  },
  {
    weight: 2,
    arbitrary: FastCheck.oneof(
      loosely({ _tag: FastCheck.constant("Exit"), requestId: id, exit: anything }),
      loosely({ _tag: FastCheck.constant("Defect"), defect: anything }),
      loosely({ _tag: FastCheck.constantFrom("Pong", "Ping", "Other"), requestId: id })
    )
  },
  { weight: 1, arbitrary: anything }
)

describe("ServerFrameReader", () => {
  it.prop(
    "[FRAME-2][EVENT-1][EVENT-2] reads a frame as its Schema does",
    { frame },
    ({ frame }) => {
      const { byHand, bySchema } = outcomes(JSON.stringify(frame))
      expect(byHand).toEqual(bySchema)
    },
    seeded
  )

  it.prop(
    "[FRAME-2] reads any text as its Schema does",
    { text: FastCheck.oneof(FastCheck.string(), FastCheck.json(), FastCheck.string16bits()) },
    ({ text }) => {
      const { byHand, bySchema } = outcomes(text)
      expect(byHand).toEqual(bySchema)
    },
    seeded
  )

  it("[EVENT-1] absent arguments stay absent", () => {
    const ids = { name: "n", seqNum: 1, parentSeqNum: 0, clientId: "c", sessionId: "s" }
    const read = (event: object) => {
      const page = {
        batch: [{ eventEncoded: event, metadata: { _tag: "None" } }],
        pageInfo: { _tag: "NoMore" },
        backendId: "b"
      }
      const json = JSON.stringify({ _tag: "Chunk", requestId: "1", values: [page] })
      const frame = ServerFrameReader.serverFrame(json)
      return frame?._tag === "Chunk" ? frame.values[0].batch[0]?.eventEncoded : undefined
    }
    expect(read(ids)).toStrictEqual(ids)
    expect(read({ ...ids, args: null })).toStrictEqual({ ...ids, args: null })
  })

  it("[FRAME-2] the property sees both readable and unreadable frames", () => {
    const samples = FastCheck.sample(frame, { seed: 1, numRuns: 1_000 })
    const readable = samples.filter((sample) => Either.isRight(bySchema(JSON.stringify(sample))))
    expect(readable.length).toBeGreaterThan(100)
    expect(readable.length).toBeLessThan(900)
  })
})
