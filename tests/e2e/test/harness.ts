import { inject } from "vitest"
import * as Harness from "../src/Harness.ts"
import * as PageServer from "../src/PageServer.ts"

/** The built page, one worker on an empty state, and as many devices as the suite makes. */
export const harness = Harness.layer(PageServer.layer(inject("pageFolder")))
