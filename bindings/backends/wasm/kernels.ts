// The function table of the WASM backend: kernels of the module and row functions made at run time get an index each, and
// programs call all of them alike. Row functions are cached by expression and strides. Read next: program.ts.
import type { DType } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import { print } from "../../expr/expression.ts";
import type { RowRequest } from "../../expr/to-wasm.ts";
import { emitRow, rowKey } from "../../expr/to-wasm.ts";
import type { KernelModuleBytes, OwnKernels } from "../../ops/descriptor.ts";
import { singles } from "./generated/singles.ts";
import type { Heap } from "./heap.ts";
import type { KernelModule } from "./module.ts";
import { ownImports } from "./own-imports.ts";
import type { TableLog } from "./table-log.ts";

export class KernelTable {
  private readonly module: KernelModule;
  private readonly heap: Heap;
  private readonly indexes = new Map<string, number>();
  private readonly rows = new Map<string, number>();
  /** Functions of users' modules. */
  private readonly own = new Map<KernelModuleBytes, Map<string, number>>();
  /** Tells worker threads what was added. */
  private readonly log: TableLog | undefined;

  constructor(module: KernelModule, heap: Heap, log?: TableLog) {
    this.module = module;
    this.heap = heap;
    this.log = log;
  }

  /** Whether emitted modules import memory that is shared. */
  get isShared(): boolean {
    return this.module.isShared;
  }

  /** Whether the module was built with relaxed SIMD. */
  get isRelaxed(): boolean {
    return this.module.artefact === "relaxed";
  }

  has(kernel: string, dtype: DType): boolean {
    return `${kernel}_${dtype}` in this.module.exports;
  }

  /** Table index of an exported kernel. */
  kernel(name: string): number {
    const known = this.indexes.get(name);
    if (known !== undefined) return known;
    const exported = this.module.exports[name];
    if (typeof exported !== "function") {
      throw new BackendError(
        name,
        `there is no kernel ${name} on wasm. Convert the tensors to a type it has, or run it on webgpu`,
      );
    }
    const index = this.module.table.grow(1, exported);
    this.log?.append([name], new Uint8Array(0));
    this.indexes.set(name, index);
    return index;
  }

  /** Table index of a row function: the one built for a single op if there is one, else emitted now. */
  row(request: RowRequest): number {
    const key = rowKey(request);
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const [expression, ...further] = request.expressions;
    const isSingle = expression !== undefined && further.length === 0 && !request.nested && request.inputs.length <= 2;
    const single = isSingle ? singles[print(expression)] : undefined;
    const plain = expression?.dtype === "f32" && request.inputs.every((operand) => operand.dtype === "f32");
    const index =
      plain && single !== undefined && single in this.module.exports ? this.kernel(single) : this.emit(request);
    this.rows.set(key, index);
    return index;
  }

  private emit(request: RowRequest): number {
    const { bytes, helpers } = emitRow(request, (size) => this.heap.allocate(size, "compile", false));
    const kernels: Record<string, WebAssembly.ImportValue> = {};
    for (const name of helpers) {
      const helper = this.module.exports[name];
      if (typeof helper !== "function") throw new BackendError(name, `the kernel module has no function ${name}`);
      kernels[name] = helper;
    }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
      env: { memory: this.module.memory },
      kernels,
    });
    this.log?.append(["row", ...helpers], bytes);
    return this.module.table.grow(1, instance.exports.row);
  }

  /** Table index of a function of a user's module, for the op of this name. */
  ownKernel(op: string, { module, function: name }: NonNullable<OwnKernels["wasm"]>): number {
    let functions = this.own.get(module);
    if (functions === undefined) this.own.set(module, (functions = new Map<string, number>()));
    const known = functions.get(name);
    if (known !== undefined) return known;
    const bytes = module.bytes(this.isShared);
    let made: unknown;
    try {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), ownImports(this.module.memory));
      made = instance.exports[name];
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      throw new BackendError(op, `its WebAssembly module cannot be used here: ${what}`, { cause });
    }
    if (typeof made !== "function") throw new BackendError(op, `its WebAssembly module has no function ${name}`);
    const index = this.module.table.grow(1, made);
    this.log?.append([name], bytes);
    functions.set(name, index);
    return index;
  }
}
