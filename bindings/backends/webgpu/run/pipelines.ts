// Compiled shaders, one for each distinct text, entry point and list of bindings, shared by all programs of a backend.
// Compiles at once when a launch needs it, or ahead of time without blocking (`prepare`).
// Knows no slots and no sizes. Read next: program.ts.
import { BackendError } from "../../../core/errors.ts";
import type { Device } from "../device/device.ts";
import type { Submission } from "../device/submission.ts";
import type { Binding, Dispatch, Word } from "../wgsl/operands.ts";

export interface Pipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
  /** How compiling went; a launch that uses the pipeline fails with it. */
  readonly compilation: Submission;
}

const computeStage = 0x4; // GPUShaderStage.COMPUTE

export class Pipelines {
  readonly #device: Device;
  readonly #made = new Map<string, Pipeline>();
  readonly #coming = new Map<string, Promise<void>>();
  /** Of dispatches that were asked for: a key is as long as the text. */
  readonly #keys = new WeakMap<Dispatch, string>();

  constructor(device: Device) {
    this.#device = device;
  }

  /** Distinct pipelines so far. */
  get count(): number {
    return this.#made.size;
  }

  /** Whether the pipeline of a dispatch is there. */
  has(dispatch: Dispatch): boolean {
    return this.#made.has(this.#key(dispatch));
  }

  /** The pipeline of a dispatch, compiled now if need be. */
  get(dispatch: Dispatch): Pipeline {
    const key = this.#key(dispatch);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made: { layout?: GPUBindGroupLayout; pipeline?: GPUComputePipeline } = {};
    const compilation = this.#device.guard([], "validation", explainer(dispatch), () => {
      const { layout, descriptor } = this.#describe(dispatch);
      made.layout = layout;
      made.pipeline = this.#device.gpu.createComputePipeline(descriptor);
    });
    return this.#keep(key, made.pipeline, made.layout, compilation);
  }

  /** Compiles ahead of the first launch. A shader that does not compile is reported by the launch that needs it. */
  prepare(dispatch: Dispatch): Promise<void> {
    const key = this.#key(dispatch);
    const coming = this.#coming.get(key);
    if (this.#made.has(key)) return Promise.resolve();
    if (coming !== undefined) return coming;
    const work = this.#compile(key, dispatch).finally(() => this.#coming.delete(key));
    this.#coming.set(key, work);
    return work;
  }

  #key(dispatch: Dispatch): string {
    let key = this.#keys.get(dispatch);
    if (key === undefined) this.#keys.set(dispatch, (key = keyOf(dispatch)));
    return key;
  }

  async #compile(key: string, dispatch: Dispatch): Promise<void> {
    const made: { layout?: GPUBindGroupLayout; pending?: Promise<GPUComputePipeline> } = {};
    const compilation = this.#device.guard([], "validation", explainer(dispatch), () => {
      const { layout, descriptor } = this.#describe(dispatch);
      made.layout = layout;
      made.pending = this.#device.gpu.createComputePipelineAsync(descriptor);
      made.pending.catch(() => undefined);
    });
    try {
      const pipeline = await (made.pending && this.#device.orLost(made.pending));
      // A launch may have needed it meanwhile and compiled its own.
      if (!this.#made.has(key)) this.#keep(key, pipeline, made.layout, compilation);
    } catch {
      // `get` compiles it again and finds the same error, then with a launch to blame.
      this.#device.requireAlive("prepare");
    }
  }

  #keep(
    key: string,
    pipeline: GPUComputePipeline | undefined,
    layout: GPUBindGroupLayout | undefined,
    compilation: Submission,
  ): Pipeline {
    if (pipeline === undefined || layout === undefined) throw new BackendError("webgpu", "no pipeline was made");
    const entry = { pipeline, layout, compilation };
    this.#made.set(key, entry);
    return entry;
  }

  #describe(dispatch: Dispatch): {
    readonly layout: GPUBindGroupLayout;
    readonly descriptor: GPUComputePipelineDescriptor;
  } {
    const { gpu } = this.#device;
    const { label, text, entry } = dispatch;
    const layout = gpu.createBindGroupLayout({
      label,
      entries: used(dispatch).map((own) => layoutEntry(dispatch, own)),
    });
    const module = gpu.createShaderModule({ label, code: withExtensions(text) });
    return {
      layout,
      descriptor: {
        label,
        layout: gpu.createPipelineLayout({ label, bindGroupLayouts: [layout] }),
        compute: { module, entryPoint: entry },
      },
    };
  }
}

/** The text with the extensions it makes use of, on its first line so that the numbers of lines stay. */
export function withExtensions(text: string): string {
  const enabled = extensions.filter(({ mark }) => mark.test(text)).map(({ name }) => `enable ${name}; `);
  return enabled.join("") + text;
}

const extensions = [
  { name: "chromium_experimental_subgroup_matrix", mark: /\bsubgroupMatrix[A-Z]\w*\b/ },
  { name: "subgroups", mark: /\b(?:subgroup|quad)[A-Z]\w*\(|@builtin\(subgroup_/ },
  { name: "f16", mark: /\bf16\b/ },
] as const;

/** The bindings of a dispatch without uniform blocks that have no words. */
export function used(dispatch: Dispatch): Binding[] {
  return dispatch.bindings.filter(
    ({ access, source }) => access !== "uniform" || (dispatch.blocks[source]?.length ?? 0) > 0,
  );
}

/** Whether a uniform block holds numbers of the run: such a block moves along the ring. */
export function isMoving(block: readonly Word[] | undefined): boolean {
  return block?.some((word) => "scalar" in word) === true;
}

function layoutEntry(dispatch: Dispatch, { binding, access, source }: Binding): GPUBindGroupLayoutEntry {
  const visibility = computeStage;
  if (access === "uniform")
    return { binding, visibility, buffer: { type: "uniform", hasDynamicOffset: isMoving(dispatch.blocks[source]) } };
  return { binding, visibility, buffer: { type: access === "read" ? "read-only-storage" : "storage" } };
}

function keyOf(dispatch: Dispatch): string {
  const bindings = used(dispatch).map(({ binding, access, source }) => {
    const moves = access === "uniform" && isMoving(dispatch.blocks[source]);
    return `${String(binding)}${access}${moves ? "+" : ""}`;
  });
  return `${dispatch.entry} ${bindings.join(" ")}\n${dispatch.text}`;
}

function explainer({ label }: Dispatch): (message: string) => BackendError {
  return (message) => new BackendError(label, `the shader does not compile on this GPU: ${message}`);
}
