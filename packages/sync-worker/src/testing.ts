/**
 * For those who write a storage of their own: the contract that it has to keep.
 *
 * @since 0.1.0
 */
export { describeEventLog } from "./testing/EventLogContract.ts"
export type { EventLogUnderTest } from "./testing/EventLogContract.ts"
