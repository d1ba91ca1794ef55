import { batchPushes } from "./batchPushes.ts"
import { coldPull } from "./coldPull.ts"
import { fanOut } from "./fanOut.ts"
import { manyStores } from "./manyStores.ts"
import { singlePushes } from "./singlePushes.ts"
import type { Workload } from "./Workload.ts"

/** The server's lines of the goals table. */
export const workloads: ReadonlyArray<Workload> = [
  singlePushes,
  batchPushes,
  coldPull,
  fanOut,
  manyStores
]
