import { describe, expect, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as DoRpcMessage from "../src/DoRpcMessage.ts"

const page = { batch: [], pageInfo: { _tag: "NoMore" }, backendId: "b" } as const

describe("DoRpcMessage", () => {
  it("[RPC-1] a pull names the object that is to be called back, or none", () => {
    const decode = Schema.decodeUnknownSync(DoRpcMessage.PullRequest)
    const callerContext = { bindingName: "CLIENT_DO", durableObjectId: "id" }
    const pull = { storeId: "s", cursor: Option.none() }
    expect(decode({ storeId: "s", cursor: { _tag: "None" } })).toStrictEqual(pull)
    expect(
      decode({ storeId: "s", cursor: { _tag: "None" }, rpcContext: { callerContext } })
    ).toStrictEqual({ ...pull, rpcContext: { callerContext } })
  })

  it("[RPC-1][RPC-4] a page has the name under which the next are called back", () => {
    expect(
      Schema.decodeUnknownSync(DoRpcMessage.PullResponse)({ ...page, rpcRequestId: "r" })
    ).toStrictEqual({ ...page, rpcRequestId: "r" })
    const update = { _tag: "Chunk", requestId: "r", values: [page] } as const
    const decode = Schema.decodeUnknownSync(DoRpcMessage.Update)
    expect(decode(update)).toStrictEqual(update)
    expect(() => decode({ ...update, values: [page, page] })).toThrow()
  })
})
