import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import { Packr } from "msgpackr"
import * as DoRpcCodec from "../src/DoRpcCodec.ts"

const frames = FastCheck.array(
  FastCheck.record({
    _tag: FastCheck.constant("Chunk"),
    values: FastCheck.array(FastCheck.jsonValue())
  }),
  { minLength: 1, maxLength: 4 }
)

const join = (parts: ReadonlyArray<Uint8Array>): ReadonlyArray<number> =>
  parts.flatMap((part) => Array.from(part))

/** The bytes in parts of so many, and what is read of each. */
const readInParts = (bytes: ReadonlyArray<number>, size: number): ReadonlyArray<unknown> => {
  const read = DoRpcCodec.reader()
  const frames: Array<unknown> = []
  for (let from = 0; from < bytes.length; from += size) {
    frames.push(...read(Uint8Array.from(bytes.slice(from, from + size))))
  }
  return frames
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

describe("DoRpcCodec", () => {
  it.prop(
    "[RPC-1] an answer is read however it is cut and joined",
    [frames, FastCheck.integer({ min: 1, max: 200 })],
    ([frames, size]) => {
      const bytes = join(frames.map((frame) => DoRpcCodec.write(frame)))
      expect(plain(readInParts(bytes, size))).toEqual(plain(frames))
    }
  )

  it.prop(
    "[RPC-1] and if one writer refers to what it has written, as LiveStore's does",
    [frames, FastCheck.integer({ min: 1, max: 200 })],
    ([frames, size]) => {
      const packr = new Packr()
      const bytes = join(frames.map((frame) => Uint8Array.from(packr.pack([frame]))))
      expect(plain(readInParts(bytes, size))).toEqual(plain(frames))
    }
  )

  it("[RPC-1] several frames of one message are several", () => {
    const frames = [{ _tag: "Chunk" }, { _tag: "Exit" }]
    const nested = frames.map((frame) => [frame])
    for (const message of [frames, nested]) {
      expect(plain(DoRpcCodec.reader()(new Packr().pack(message)))).toEqual(frames)
    }
  })

  it("[RPC-2] what is no call, and no answer, is refused", () => {
    for (const bytes of [Uint8Array.of(), Uint8Array.of(0xc1), new Packr().pack([])]) {
      expect(Either.isLeft(DoRpcCodec.readCall(bytes))).toBe(true)
    }
    expect(() => DoRpcCodec.reader()(Uint8Array.of(0xd4, 0x50, 0))).toThrow()
  })

  it("[RPC-1] a call is read as it was written", () => {
    const call = { _tag: "Request", id: "1", payload: { text: "é🌊", none: null, list: [1, 2.5] } }
    expect(
      Either.map(DoRpcCodec.readCall(DoRpcCodec.write(call)), (text) => JSON.parse(text))
    ).toEqual(Either.right(call))
  })
})
