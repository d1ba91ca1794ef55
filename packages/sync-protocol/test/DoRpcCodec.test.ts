import { describe, expect, it } from "@effect/vitest"
import { Either, FastCheck } from "effect"
import { Packr } from "msgpackr/pack"
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

/** What is read of bytes in parts of so many. */
const readInParts = (bytes: ReadonlyArray<number>, size: number): ReadonlyArray<unknown> => {
  const { end, read } = DoRpcCodec.reader()
  const frames: Array<unknown> = []
  for (let from = 0; from < bytes.length; from += size) {
    frames.push(...read(Uint8Array.from(bytes.slice(from, from + size))))
  }
  return [...frames, ...end()]
}

const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const HALF = "abc😀".slice(0, 4)

describe("DoRpcCodec", () => {
  for (const inText of [true, false]) {
    const kind = inText ? "texts" : "MessagePack"

    it.prop(
      `[RPC-1] an answer in ${kind} is read however it is cut and joined`,
      [frames, FastCheck.integer({ min: 1, max: 200 })],
      ([frames, size]) => {
        const bytes = join(frames.map((frame) => DoRpcCodec.write(frame, { inText })))
        expect(plain(readInParts(bytes, size))).toEqual(plain(frames))
      }
    )

    it(`[RPC-1] one in ${kind} that is large is read as it comes`, () => {
      const { read } = DoRpcCodec.reader()
      const frame = { _tag: "Chunk", values: ["é🌊".repeat(200_000)] }
      const bytes = DoRpcCodec.write(frame, { inText })
      const frames: Array<unknown> = []
      for (const part of [bytes, bytes.slice(0, bytes.length / 2)]) {
        for (let from = 0; from < part.length; from += 4_096) {
          frames.push(...read(part.slice(from, from + 4_096)))
        }
      }
      expect(frames).toEqual([frame])
    })

    it(`[RPC-1] one in ${kind} that ends too early is none`, () => {
      const { end, read } = DoRpcCodec.reader()
      read(DoRpcCodec.write({ _tag: "Chunk", values: [1, 2, 3] }, { inText }).slice(0, -2))
      expect(() => end()).toThrow()
    })

    it(`[RPC-1] a call in ${kind} is read as it was written`, () => {
      const call = {
        _tag: "Request",
        id: "1",
        payload: { text: "é🌊", none: null, list: [1, 2.5] }
      }
      const read = Either.getOrThrow(DoRpcCodec.readCall(DoRpcCodec.write(call, { inText })))
      expect([JSON.parse(read.text), read.inText]).toEqual([call, inText])
    })
  }

  it("[RPC-1][LOG-5] half a surrogate pair is kept in texts", () => {
    const call = { _tag: "Request", payload: { [HALF]: HALF, __proto__x: 1 } }
    const bytes = DoRpcCodec.write(call, { inText: true })
    expect(JSON.parse(Either.getOrThrow(DoRpcCodec.readCall(bytes)).text)).toEqual(call)
    expect(readInParts(Array.from(bytes), 3)).toEqual([call])
  })

  it("[RPC-8] and not in MessagePack, by LiveStore's writer as by this one", () => {
    const call = { text: HALF }
    for (const bytes of [DoRpcCodec.write(call, { inText: false }), new Packr().pack([call])]) {
      const { text } = JSON.parse(Either.getOrThrow(DoRpcCodec.readCall(bytes)).text)
      expect(text).not.toBe(HALF)
      expect(text.startsWith("abc")).toBe(true)
    }
  })

  it("[RPC-8] a call says that its answer may be in texts", () => {
    const call = { _tag: "Request", headers: [DoRpcCodec.WANTS_TEXT] }
    const read = DoRpcCodec.readCall(DoRpcCodec.write(call, { inText: false }))
    expect(Either.map(read, ({ inText }) => inText)).toEqual(Either.right(true))
  })

  it.prop(
    "[RPC-1] one writer may refer to what it has written, as LiveStore's does",
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
      expect(plain(readInParts(Array.from(new Packr().pack(message)), 1_000))).toEqual(frames)
    }
  })

  it("[RPC-2] what is no call, and no answer, is refused", () => {
    const noUtf8 = Uint8Array.of(0x7b, 0xff)
    for (const bytes of [Uint8Array.of(), Uint8Array.of(0xc1), new Packr().pack([]), noUtf8]) {
      expect(Either.isLeft(DoRpcCodec.readCall(bytes))).toBe(true)
    }
    for (const bytes of [
      [0xd4, 0x50, 0],
      [0x7b, 0xff],
      [0x7b, 0x0a]
    ]) {
      expect(() => readInParts(bytes, 1)).toThrow()
    }
  })
})
