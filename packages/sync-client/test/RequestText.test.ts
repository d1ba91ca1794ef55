import { describe, expect, it } from "@effect/vitest"
import { Chunking, Frame, LogEvent, Message } from "@tidelog/sync-protocol"
import { Arbitrary, FastCheck as fc, Option, Schema } from "effect"
import * as RequestText from "../src/RequestText.ts"
import { events } from "./TestSocket.ts"

const encode = Schema.encodeSync(Frame.ClientFrame)
const decodeText = Schema.decodeSync(Frame.ClientFrameFromText)
const event = Arbitrary.make(LogEvent.LogEvent.pipe(Schema.omit("args"))).chain((rest) =>
  fc.option(fc.jsonValue(), { nil: undefined }).map((args) => ({ ...rest, args }))
)
const backendId = fc.option(fc.string()).map(Option.fromNullable)
/** What a payload of JSON looks like after its way through text. */
const json = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)) as unknown)

describe("RequestText", () => {
  it.prop(
    "a pull is what its Schema encodes to",
    [fc.string(), json, fc.nat(), fc.boolean(), backendId],
    ([storeId, payload, eventSequenceNumber, live, backendId]) => {
      const cursor = Option.map(backendId, (backendId) => ({ backendId, eventSequenceNumber }))
      const text = RequestText.pull("7", RequestText.claims(storeId, payload), { live, cursor })
      expect(JSON.parse(text)).toEqual(
        encode({
          _tag: "Request",
          id: "7",
          tag: Message.PULL,
          payload: Schema.encodeSync(Message.PullRequest)({
            storeId,
            payload,
            live,
            cursor,
            sparing: true
          }),
          headers: []
        })
      )
    }
  )

  it.prop(
    "a push is what its Schema encodes to",
    [fc.string(), json, fc.array(event), backendId],
    ([storeId, payload, batch, backendId]) => {
      const { parts } = RequestText.split(batch, {
        maxEvents: 1_000,
        maxBytes: 1e9,
        maxEventBytes: 1e9
      })
      const text = RequestText.push("12", RequestText.claims(storeId, payload), {
        events: parts.flatMap(({ events }) => events),
        backendId
      })
      const frame = decodeText(text)
      expect(frame).toMatchObject({ _tag: "Request", id: "12", tag: Message.PUSH, headers: [] })
      const sent = Schema.encodeSync(Message.PushRequest)({ storeId, payload, batch, backendId })
      expect(frame._tag === "Request" && frame.payload).toEqual(JSON.parse(JSON.stringify(sent)))
    }
  )

  it("without a payload the key is absent", () => {
    expect(RequestText.claims("s", undefined)).toBe(`"storeId":"s"`)
  })

  it("acks and interrupts are what their Schemas encode to", () => {
    expect(JSON.parse(RequestText.ack("3"))).toEqual(encode({ _tag: "Ack", requestId: "3" }))
    expect(JSON.parse(RequestText.interrupt("3"))).toEqual(
      encode({ _tag: "Interrupt", requestId: "3" })
    )
  })

  it.prop(
    "[CLIENT-9] the parts of a batch are its events in order, each part within the limits",
    [
      fc.array(fc.nat(200), { maxLength: 60 }),
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 100, max: 1_000 })
    ],
    ([sizes, maxEvents, maxBytes]) => {
      const batch = events(0, sizes.length).map((event, index) => ({
        ...event,
        args: "ü".repeat(sizes[index] ?? 0)
      }))
      const limits = { maxEvents, maxBytes, maxEventBytes: 10_000 }
      const { parts } = RequestText.split(batch, limits)
      expect(
        parts.flatMap(({ events }) => events).map((text) => JSON.parse(text) as unknown)
      ).toEqual(batch)
      let from = 0
      for (const part of parts) {
        expect(part.events.length).toBeLessThanOrEqual(maxEvents)
        if (part.events.length > 1) {
          expect(Chunking.byteLength(part.events.join(","))).toBeLessThanOrEqual(maxBytes)
        }
        from += part.events.length
        expect(part.last).toBe(from)
      }
    }
  )

  it("[CLIENT-9] an event that fits into no frame is named, and those before it are parts", () => {
    const batch = events(0, 6).map((event) => ({ ...event, args: "x".repeat(event.seqNum * 100) }))
    const limits = { maxEvents: 2, maxBytes: 10_000, maxEventBytes: 550 }
    const { parts, tooLarge } = RequestText.split(batch, limits)
    expect(parts.map(({ last }) => last)).toEqual([2, 4])
    expect(tooLarge).toMatchObject({ name: "todoCreated", seqNum: 5, maxBytes: 550 })
    expect(tooLarge?.message).toContain("event 5 (todoCreated) has")
  })
})
