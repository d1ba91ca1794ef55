/**
 * The harness itself: a tiny round against all three servers, whose every answer is checked.
 */
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as LogLevel from "effect/LogLevel"
import * as Schema from "effect/Schema"
import { serverNames } from "../src/BenchServer.ts"
import { checkChunks, eventAt } from "../src/events.ts"
import { measureCosts } from "../src/measures/costs.ts"
import { measureFloor } from "../src/measures/floor.ts"
import { measureLines } from "../src/measures/lines.ts"
import { chart } from "../src/report/chart.ts"
import { compare } from "../src/report/compare.ts"
import { tables } from "../src/report/table.ts"
import { ResultFromText } from "../src/Result.ts"
import { describeRun, startAll } from "../src/run.ts"
import { workloads } from "../src/workloads/index.ts"
import { tinySizes } from "../src/workloads/Workload.ts"
import { WrongResult } from "../src/WrongResult.ts"

const chunkOf = (...seqNums: ReadonlyArray<number>) =>
  Buffer.from(
    JSON.stringify({
      values: [{ batch: seqNums.map((seqNum) => ({ eventEncoded: eventAt(seqNum) })) }]
    })
  )

const services = Layer.merge(NodeContext.layer, Logger.minimumLogLevel(LogLevel.None))

// Real servers take real time.
layer(services, { excludeTestServices: true })("benchmarks", (it) => {
  it.scoped(
    "a tiny round of all work, on all servers, yields a whole result",
    () =>
      Effect.gen(function* () {
        const servers = yield* startAll(serverNames, { meter: true })
        const compared = servers.filter(({ name }) => name !== "bare")
        const costs = yield* measureCosts(compared, 100)
        const lines = yield* measureLines(servers, workloads, tinySizes)
        const result = { ...(yield* describeRun(tinySizes)), lines, costs, memory: [] }

        assert.deepStrictEqual(
          result.lines.map(({ id }) => id),
          ["single", "batch", "pull", "fanout", "stores"]
        )
        for (const { id, ofBare, ratio, servers } of result.lines) {
          for (const name of serverNames) {
            assert.strictEqual(servers[name]?.rounds.length, 1, `${id} on ${name}`)
            assert.isAbove(servers[name]?.median ?? 0, 0, `${id} on ${name}`)
          }
          assert.isAbove(ratio.tidelog ?? 0, 0, id)
          assert.isAbove(ofBare ?? 0, 0, id)
        }
        const written = (server: string) =>
          result.costs
            .filter((cost) => cost.server === server)
            .map((cost) => cost.rowsWrittenPerEvent)
        assert.deepStrictEqual(written("tidelog"), [1, 1, 0])
        assert.isAtLeast(written("official")[0] ?? 0, 1)

        const bare = servers.find(({ name }) => name === "bare") ?? assert.fail()
        const floor = yield* measureFloor(bare, [bare], tinySizes)
        assert.hasAllKeys(floor.pushMs, ["bare"])
        for (const ms of [floor.frameMs, floor.writeMs, floor.pushMs["bare"]])
          assert.isAbove(ms ?? 0, 0)

        const text = yield* Schema.encode(ResultFromText)(result)
        assert.deepStrictEqual(yield* Schema.decode(ResultFromText)(text), result)
        assert.match(chart(result), /^<svg [^]*<\/svg>\n$/)
        assert.include(tables(result), "cold pull of a log")
        assert.include(compare(result, result), "100 %")
      }),
    { timeout: 120_000 }
  )
})

describe("what a reader was sent", () => {
  const check = (...chunks: ReadonlyArray<Buffer>) => checkChunks("a reader", chunks, 1, 4)

  it("is accepted whole and in order, however it is cut", () => {
    check(chunkOf(1), chunkOf(), chunkOf(2, 3, 4))
  })

  it.each([
    ["lost in the middle", [chunkOf(1, 2), chunkOf(4)]],
    ["lost at the end", [chunkOf(1, 2, 3)]],
    ["repeated", [chunkOf(1, 2), chunkOf(2, 3, 4)]],
    ["swapped", [chunkOf(1, 3, 2, 4)]],
    ["too much", [chunkOf(1, 2, 3, 4, 5)]]
  ])("is refused with an event %s", (_, chunks) => {
    assert.throws(() => check(...chunks), WrongResult)
  })

  it("is refused with an event that came back changed", () => {
    const changed = chunkOf(1, 2, 3, 4).toString().replace("apples", "pears")
    assert.throws(() => check(Buffer.from(changed)), /event 1 came back changed/)
  })
})
