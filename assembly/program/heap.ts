// Where the host may begin to put its own data: everything below belongs to this module (static tables).
// Read next: bindings/backends/wasm/heap.ts, the allocator.

/** First byte of linear memory that the module does not use. */
export function heapBase(): usize {
  return __heap_base;
}
