/**
 * Everything a suite needs: the built page, the worker, and devices to use them with.
 */
import { NodeContext } from "@effect/platform-node"
import * as Layer from "effect/Layer"
import * as Chromium from "./Chromium.ts"
import * as Devices from "./Devices.ts"
import * as PageServer from "./PageServer.ts"
import * as Wrangler from "./Wrangler.ts"

/** `pageFolder`: what `PageServer.buildInto` filled. */
export const layer = (pageFolder: string) =>
  Devices.layer.pipe(
    Layer.provideMerge(
      Layer.mergeAll(Chromium.layer, PageServer.layer(pageFolder), Wrangler.layer)
    ),
    Layer.provide(NodeContext.layer)
  )
