/** The command as people run it: its exit codes, its words, and what becomes of it when it is killed. */
import { writeFileSync } from "node:fs"
import { mkdtemp, rm } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, layer } from "@effect/vitest"
import { freePort } from "@tidelog/e2e/src/freePort.ts"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Cli from "./support/cli.ts"
import { type ServerName, Servers } from "./support/servers.ts"
import * as TestServers from "./support/servers.ts"
import { events, fill, grown, readAll } from "./support/stores.ts"

const SECRET = "open sesame"

const servers = TestServers.layer.pipe(Layer.provideMerge(Logger.remove(Logger.defaultLogger)))

/** The flags of a copy from one server to another. */
const args = (from: ServerName, to: ServerName, store: string, ...more: ReadonlyArray<string>) =>
  Effect.map(Servers, (servers) => [
    "--from",
    servers[from].url,
    "--to",
    servers[to].url,
    "--store",
    store,
    ...more
  ])

const folder = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "tidelog-copy-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

layer(servers, { excludeTestServices: true, timeout: "90 seconds" })("pnpm copy", (it) => {
  it.effect("[COPY-4] copies a store of the official server to ours, and tells what it did", () =>
    Effect.gen(function* () {
      yield* fill({ on: "official", storeId: "cli" }, events(0, 250))
      const { code, output } = yield* Cli.run(yield* args("official", "second", "cli"))
      expect(output).toContain("Verified: the first 250 events of both stores are the same")
      expect(output).toMatch(/copied +250 events, \d+\.\d kB/)
      expect(output).toMatch(/there before +0 events/)
      expect(output).toMatch(/head +250\n/)
      expect(output).toMatch(/digest +[0-9a-f]{64}\n/)
      expect(output.match(/backendId [A-Za-z0-9_-]+/g)).toHaveLength(2)
      expect(code).toBe(0)
      expect(yield* readAll({ on: "second", storeId: "cli" })).toEqual(events(0, 250))
    })
  )

  it.scoped("[COPY-3] killed in the middle, it goes on when it is run again", () =>
    Effect.gen(function* () {
      const to = { on: "second", storeId: "killed" } as const
      yield* fill({ on: "tidelog", storeId: "killed" }, events(0, 4_000))
      const flags = yield* args("tidelog", "second", "killed")
      const first = yield* Cli.start(flags)
      yield* grown(to, 100)
      yield* first.kill("SIGKILL")
      expect((yield* first.ended).code).toBe(null)
      const there = (yield* readAll(to)).length
      expect(there).toBeGreaterThanOrEqual(100)
      expect(there).toBeLessThan(4_000)

      const { code, output } = yield* Cli.run(flags)
      // One more push may have been on its way.
      const before = /there before +([\d,]+) events/.exec(output)?.[1]?.replaceAll(",", "")
      expect(Number(before)).toBeGreaterThanOrEqual(there)
      expect(Number(before)).toBeLessThan(4_000)
      expect(code).toBe(0)
      expect(yield* readAll(to)).toEqual(events(0, 4_000))
    })
  )

  it.scoped("[COPY-3] Ctrl-C ends it with 130, and it goes on when it is run again", () =>
    Effect.gen(function* () {
      const to = { on: "second", storeId: "interrupted" } as const
      yield* fill({ on: "tidelog", storeId: "interrupted" }, events(0, 3_000))
      const flags = yield* args("tidelog", "second", "interrupted")
      const first = yield* Cli.start(flags)
      yield* grown(to, 100)
      yield* first.kill("SIGINT")
      const { code, output } = yield* first.ended
      expect(output).toContain("Not verified: stopped after")
      expect(output).toContain("Run the same command again")
      expect(code).toBe(130)
      expect((yield* Cli.run(flags)).code).toBe(0)
      expect(yield* readAll(to)).toEqual(events(0, 3_000))
    })
  )

  it.scoped("[COPY-5] --follow goes on until Ctrl-C, and ends verified", () =>
    Effect.gen(function* () {
      const from = { on: "tidelog", storeId: "followed_cli" } as const
      const to = { on: "second", storeId: "followed_cli" } as const
      yield* fill(from, events(0, 20))
      const running = yield* Cli.start(yield* args("tidelog", "second", "followed_cli", "--follow"))
      yield* running.says("following: 20 events")
      yield* fill(from, events(20, 45))
      yield* grown(to, 45)
      yield* running.kill("SIGINT")
      const { code, output } = yield* running.ended
      expect(output).toContain("Verified: the first 45 events of both stores are the same")
      expect(code).toBe(0)
    })
  )

  it.scoped("[COPY-8] a payload comes from the command line, a file or the environment", () =>
    Effect.gen(function* () {
      yield* fill({ on: "tidelog", storeId: "secret" }, events(0, 5))
      const flags = yield* args("tidelog", "second", "secret")
      const payload = JSON.stringify({ token: SECRET })
      const file = join(yield* folder, "payload.json")
      writeFileSync(file, payload)

      const without = yield* Cli.run(flags)
      expect(without.output).toContain(
        "the destination refuses the connection: 4401 please sign in"
      )
      expect(without.output).toContain("--payload-to")
      expect(without.code).toBe(1)
      const given = yield* Cli.run(flags, { TIDELOG_COPY_PAYLOAD_TO: payload })
      expect(given.output).toContain("Verified")
      expect(given.output).not.toContain("sesame")
      expect(given.code).toBe(0)
      for (const more of [
        ["--payload-to", payload],
        ["--payload-to-file", file]
      ]) {
        const { output, verified } = yield* Cli.runHere([...flags, ...more])
        expect(output).toContain("Verified")
        expect(output).not.toContain("sesame")
        expect(verified).toBe(true)
      }
      for (const { output, verified } of [
        yield* Cli.runHere([...flags, "--payload-to", `{${SECRET}`]),
        yield* Cli.runHere(flags, { TIDELOG_COPY_PAYLOAD_TO: SECRET })
      ]) {
        expect(output).toContain("its payload is no JSON")
        expect(output).not.toContain("sesame")
        expect(verified).toBe(false)
      }
    })
  )

  it.scoped("[COPY-8] what people do wrong is told in words, with exit code 1", () =>
    Effect.gen(function* () {
      const { second, tidelog } = yield* Servers
      const nobody = `ws://127.0.0.1:${yield* freePort}`
      const page = yield* Effect.acquireRelease(
        Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
          const server = createServer((_, response) => response.writeHead(404).end("no such page"))
          server.listen(0, "127.0.0.1", () => {
            const address = server.address()
            const port = typeof address === "object" ? address?.port : undefined
            resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
          })
        }),
        ({ close }) => Effect.sync(close)
      )
      const flags = (from: string, to: string) => ["--from", from, "--to", to, "--store", "wrong"]
      const says = (words: string, from: string, to: string, ...more: ReadonlyArray<string>) =>
        Effect.gen(function* () {
          const { output, verified } = yield* Cli.runHere([...flags(from, to), ...more])
          expect(output).toContain(words)
          expect(verified).toBe(false)
        })
      // A server that does not answer is given ten seconds: that is waited for once.
      yield* Effect.all(
        [
          Effect.gen(function* () {
            const { code, output } = yield* Cli.run(flags(nobody, second.url))
            expect(output).toContain(
              `the source (${nobody}) cannot be connected to: connect ECONNREFUSED`
            )
            expect(code).toBe(1)
          }),
          says("Unexpected server response: 404", page.url, second.url),
          says("its URL is none of ws:", "mailto:me", second.url),
          says("it is the source itself", tidelog.url, tidelog.url),
          says('no event in the store "wrong"', tidelog.url, second.url),
          says("1 to 1,024 characters", tidelog.url, second.url, "--to-store", "x".repeat(1_025)),
          Effect.gen(function* () {
            const { output, verified } = yield* Cli.runHere(["--from", tidelog.url])
            expect(output).toContain("--to")
            expect(verified).toBe(false)
          })
        ],
        { concurrency: "unbounded", discard: true }
      )
    })
  )
})
