/**
 * Everything a suite needs: the page, the worker, and devices to use them with.
 */
import { NodeContext } from "@effect/platform-node"
import * as Layer from "effect/Layer"
import * as Chromium from "./Chromium.ts"
import * as Devices from "./Devices.ts"
import type * as PageServer from "./PageServer.ts"
import * as Wrangler from "./Wrangler.ts"

/** `page`: built or under development, one of `PageServer`'s layers. */
export const layer = <E>(page: Layer.Layer<PageServer.PageServer, E, NodeContext.NodeContext>) =>
  Devices.layer.pipe(
    Layer.provideMerge(Layer.mergeAll(Chromium.layer, page, Wrangler.layer)),
    Layer.provide(NodeContext.layer)
  )
