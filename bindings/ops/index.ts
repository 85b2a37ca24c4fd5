// All ops, re-exported. An op is an exported constant or function; there is no other list.
export * from "./arithmetic.ts";
export * from "./movement.ts";
export { broadcastTo, reshape, sum } from "./broadcasting.ts";
