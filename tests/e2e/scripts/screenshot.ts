/**
 * Takes `docs/todomvc-two-browsers.png`: one list in two browsers, side by side.
 */
import { FileSystem, Path } from "@effect/platform"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import * as Effect from "effect/Effect"
import { Chromium } from "../src/Chromium.ts"
import { Devices } from "../src/Devices.ts"
import { done, open, says, shows } from "../src/expectations.ts"
import * as Harness from "../src/Harness.ts"
import { attempt } from "../src/HarnessError.ts"
import * as PageServer from "../src/PageServer.ts"
import type { TodoPage } from "../src/TodoPage.ts"

const storeId = "groceries"

/** The part of the page that has something on it. */
const clip = { x: 0, y: 0, width: 640, height: 560 }

const lines = [open("Oat milk"), done("Bread"), open("Tea for the boat")]

const shoot = (page: TodoPage) =>
  Effect.gen(function* () {
    yield* says(page, "Online")
    yield* shows(page, ...lines)
    // Neither focus nor a pointer belongs to what the list looks like.
    yield* attempt("leaving the page alone", async () => {
      await page.tab.evaluate(() => {
        if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
      })
      await page.tab.mouse.move(clip.width - 1, clip.height + 50)
    })
    return yield* attempt("taking a picture", () =>
      page.tab.screenshot({ animations: "disabled", caret: "hide", clip })
    )
  })

const frame = (png: Buffer) => `<figure>
  <figcaption><i></i><i></i><i></i><span>localhost:5173/?storeId=${storeId}</span></figcaption>
  <img src="data:image/png;base64,${png.toString("base64")}">
</figure>`

const sheet = (pictures: ReadonlyArray<Buffer>) => `<!doctype html><style>
  body { margin: 0; padding: 24px; display: flex; gap: 24px; background: #d9dde2; width: max-content }
  figure { margin: 0; border-radius: 8px; overflow: hidden; box-shadow: 0 4px 16px #0003; background: #f5f5f5 }
  figcaption { display: flex; gap: 6px; align-items: center; padding: 8px 12px; background: #eceff2; font: 12px sans-serif; color: #555 }
  i { width: 10px; height: 10px; border-radius: 5px; background: #c3c9d0 }
  span { margin-left: 8px; padding: 3px 10px; border-radius: 10px; background: #fff; flex: 1 }
  img { display: block }
</style>${pictures.map(frame).join("")}`

const takePicture = (file: string) =>
  Effect.gen(function* () {
    const chromium = yield* Chromium
    const devices = yield* Devices
    const fs = yield* FileSystem.FileSystem

    const a = yield* devices.make
    const b = yield* devices.make
    yield* a.page.open(storeId)
    yield* b.page.open(storeId)
    yield* a.page.add("Oat milk")
    yield* a.page.add("Bread")
    yield* shows(b.page, open("Oat milk"), open("Bread"))
    yield* b.page.add("Tea for the boat")
    yield* b.page.toggle("Bread")
    const pictures = yield* Effect.all([shoot(a.page), shoot(b.page)])

    const studio = yield* chromium.launch({ ports: {}, viewport: { width: 1400, height: 800 } })
    const png = yield* attempt("composing the picture", async () => {
      const tab = await studio.newPage()
      await tab.setContent(sheet(pictures))
      return tab.locator("body").screenshot()
    })
    yield* fs.writeFile(file, png)
    yield* Effect.log(`wrote ${file}`, { bytes: png.byteLength })
  })

const main = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const path = yield* Path.Path
  const folder = yield* fs.makeTempDirectoryScoped({ prefix: "tidelog-page-" })
  yield* PageServer.buildInto(folder)
  yield* takePicture(
    path.resolve(import.meta.dirname, "../../../docs/todomvc-two-browsers.png")
  ).pipe(Effect.scoped, Effect.provide(Harness.layer(PageServer.layer(folder))))
})

main.pipe(Effect.scoped, Effect.provide(NodeContext.layer), NodeRuntime.runMain)
