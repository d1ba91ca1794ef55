import { inject } from "vitest"
import * as Harness from "../src/Harness.ts"

/** One page server, one worker on an empty state, and as many devices as the suite makes. */
export const harness = Harness.layer(inject("pageFolder"))
