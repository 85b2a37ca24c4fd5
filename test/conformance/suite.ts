// The conformance suite under Vitest: for each backend of this machine and each op one test per check. A test fails with the
// list of its failing samples. A backend that is missing is counted and printed here; where CI or ATHANOR_REQUIRE_ALL is set it fails.
// In Node the GPU runs everything as the least device that WebGPU allows, and a few ops as what it is; a page (test/browser) runs
// everything as what it is. Several files call it, so that two processes share the work. Read next: run.ts.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isFloating } from "../../bindings/core/dtype.ts";
import type { BackendName, GPUTier, OpenedBackend } from "../../bindings/testing/backends.ts";
import { backendNames, openBackend } from "../../bindings/testing/backends.ts";
import type { WebGPUBackend } from "../../bindings/backends/webgpu/backend.ts";
import { defaultEngine } from "../../bindings/engine/default.ts";
import type { Check } from "../../bindings/testing/checks.ts";
import { checks } from "../../bindings/testing/checks.ts";
import type { Row } from "./run.ts";
import { runOp } from "./run.ts";
import { opNames, rowsOf } from "./table.ts";
import { divergences } from "../specs/divergences.ts";

const chosen = process.env.ATHANOR_OPS?.split(",") ?? opNames;
const columns = (process.env.ATHANOR_BACKENDS?.split(",") as BackendName[] | undefined) ?? backendNames;
const mustHaveAll = process.env.CI !== undefined || process.env.ATHANOR_REQUIRE_ALL !== undefined;

/** The checks that an op has on a backend, from its cases alone, so that tests are known before anything runs. */
function checksOf(op: string, name: BackendName): Check[] {
  const { cases, errors } = rowsOf(op);
  const here = cases.filter((sample) => name !== "webgpu" || sample.gpu);
  return checks.filter((check) => {
    if (check === "errors") return errors.length > 0;
    // Factorisations run on the CPU alone: their rows say so, sample by sample.
    if (here.length === 0) return false;
    if (check === "guards") return name !== "webgpu";
    if (check === "gradient") return here.some(({ gradient, result }) => gradient !== false && isFloating(result));
    return check === "fusion" ? here.some(({ fusion }) => fusion) : true;
  });
}

/** The tests of these backends, as far as they were asked for; those of `among` where it is given. A name that no op has is an error. */
export function testBackends(names: readonly BackendName[], tier: GPUTier = "all", among = opNames): void {
  const unknown = among.filter((op) => !opNames.includes(op));
  if (unknown.length > 0) throw new Error(`no op named ${unknown.join(", ")} in test/specs`);
  for (const name of columns.filter((column) => names.includes(column))) {
    describe(tier === "base" ? `${name} without any optional feature or limit` : name, () => {
      let backend: OpenedBackend | undefined;
      let missing = "";

      beforeAll(async () => {
        const opened = await openBackend(name, tier);
        if ("missing" in opened) missing = opened.missing;
        else backend = opened;
      });

      afterAll(async () => {
        await backend?.close();
      });

      test("is here", (context) => {
        if (missing === "") return;
        console.warn(`conformance: ${name} is missing, its checks are not run: ${missing}`);
        expect(mustHaveAll, `${name} is missing: ${missing}`).toBe(false);
        context.skip();
      });

      if (tier === "base")
        test("is the least that WebGPU allows", (context) => {
          if (backend === undefined) {
            context.skip();
            return;
          }
          const { adapter, limits } = defaultEngine().backends.get("webgpu") as WebGPUBackend;
          expect(adapter.features).toEqual([]);
          expect(limits).toMatchObject({ maxStorageBufferBindingSize: 128 * 2 ** 20, maxStorageBuffers: 8 });
          expect(limits).toMatchObject({ maxBufferSize: 256 * 2 ** 20, maxWorkgroupStorage: 16 * 2 ** 10 });
        });

      for (const op of chosen.filter((other) => among.includes(other) && checksOf(other, name).length > 0)) {
        const rows: Row[] = [];
        describe(op, () => {
          beforeAll(async () => {
            if (backend === undefined) return;
            for await (const row of runOp(backend, op)) rows.push(row);
          });

          test.for(checksOf(op, name))("%s", (check, context) => {
            if (backend === undefined) {
              context.skip();
              return;
            }
            const own = rows.filter((row) => row.check === check);
            const bad = own.filter(({ ok }) => !ok).map(({ sample, message }) => `${sample}: ${message}`);
            expect(own.length, "no sample was checked").toBeGreaterThan(0);
            expect(bad.join("\n")).toBe("");
          });
        });
      }
    });
  }

  test("every known divergence names an op of the tables", () => {
    for (const { op } of divergences) expect(opNames).toContain(op);
  });
}
