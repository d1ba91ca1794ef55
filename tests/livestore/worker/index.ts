/**
 * A worker as an app has one, with a rule that the test switches. Locally a worker and its objects share one
 * isolate, so module state is seen by both.
 */
import { makeDurableObject, makeWorker } from "@tidelog/sync-worker"

let isSunday = false

export class Store extends makeDurableObject({
  // A minute is long for a test.
  limits: { pullDeadline: 5_000 },
  onPush: () => {
    if (isSunday) throw new Error("not on Sundays")
  }
}) {}

const worker = makeWorker()

export default {
  fetch: (request: Request, env: object, ctx: ExecutionContext): Response | Promise<Response> => {
    const { pathname, searchParams } = new URL(request.url)
    if (pathname !== "/rule") return worker.fetch(request, env, ctx)
    isSunday = searchParams.get("sunday") === "true"
    return new Response("noted\n")
  }
}
