/**
 * For scripts that look after stores: `AdminClient`, and the description that it comes from.
 *
 * @since 0.1.0
 */
export * as AdminApi from "./AdminApi.ts"
export * as AdminClient from "./AdminClient.ts"
